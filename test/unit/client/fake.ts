/** A WebSocket and a clock in the test's hand. */
import type { Clock, ConnectOptions, WebSocketLike } from '../../../src/client/index.js';
import { connect } from '../../../src/client/index.js';

export class FakeClock implements Clock {
  private timers: { at: number; run: () => void }[] = [];
  /** What `random` gives. */
  chance = 0;

  constructor(private time = Date.parse('2030-01-01T00:00:00Z')) {}

  now(): number {
    return this.time;
  }

  random(): number {
    return this.chance;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.time + delayMs, run };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((other) => other !== timer));
  }

  /** Lets time pass, with everything that falls due on the way. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const [next] = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = next.at;
      next.run();
      await settled();
    }
    this.time = end;
  }
}

/** All that follows from what has happened has happened. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Handlers {
  message: (event: { data: unknown }) => void;
  close: (event: { code: number; reason: string }) => void;
  error: () => void;
}

export class FakeSocket implements WebSocketLike {
  readonly sent: any[] = [];
  closedWith: number | undefined;
  private readonly handlers: Partial<Handlers> = {};

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  addEventListener(type: keyof Handlers, handler: any): void {
    this.handlers[type] = handler;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code?: number): void {
    this.closedWith ??= code;
  }

  /** The server sends this. */
  says(message: unknown): void {
    this.handlers.message?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  connected(data: Record<string, unknown> = {}): void {
    this.says({
      type: 'connected',
      data: {
        playerId: 'p1',
        connectionId: 'c1',
        lobbies: [],
        cursor: 'e-0',
        recovered: false,
        timestamp: '2030-01-01T00:00:00.000Z',
        ...data,
      },
    });
  }

  event(id: string, type = 'contract.created'): void {
    const family = `${type.split('.')[0]}:event`;
    this.says({ type: family, data: { type, timestamp: id, payload: {} }, id });
  }

  breaks(code = 1006, reason = ''): void {
    this.handlers.close?.({ code, reason });
  }

  get query(): URLSearchParams {
    return new URL(this.url).searchParams;
  }
}

/** A client, the sockets it opens and what it has told. */
export async function fakeClient(options: Partial<ConnectOptions> = {}) {
  const clock = new FakeClock();
  const sockets: FakeSocket[] = [];
  const told: { name: string; value: any }[] = [];
  const errors: any[] = [];
  const client = connect({
    url: 'ws://server.test/',
    token: () => 'token',
    clock,
    onerror: (error) => errors.push(error),
    WebSocket: class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    },
    ...options,
  });
  for (const name of ['state', 'gap', 'event', 'message'] as const) {
    client.on(name, (value: any) => told.push({ name, value }));
  }
  await settled();
  return {
    client,
    clock,
    sockets,
    errors,
    /** The connection that is open or opening. */
    get socket(): FakeSocket {
      const socket = sockets.at(-1);
      if (!socket) throw new Error('no connection was opened');
      return socket;
    },
    of: (name: string) => told.filter((entry) => entry.name === name).map(({ value }) => value),
    /** Lets time pass until there is a new connection; a minute, if none comes. */
    async reconnect(): Promise<void> {
      const before = sockets.length;
      for (let ms = 0; ms < 60_000 && sockets.length === before; ms += 25) await clock.pass(25);
    },
  };
}
