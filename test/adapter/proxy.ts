/** Stands between clients and Postgres: can freeze, counts queries, and swallows LISTEN like a pooler. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Proxy {
  /** The database's URL, by way of the proxy. */
  readonly url: string;
  /** Nothing is forwarded any more; connections stay open. */
  freeze(): void;
  thaw(): void;
  /** From the next query with this text on queries get through, and answers do not. */
  mute(text: string): void;
  /** From the next query with this text on, its connection is held up until `release`: others may overtake it. */
  hold(text: string): Hold;
  /** Ends all connections, and lets new ones through. */
  cut(): void;
  /** Queries sent so far, over all connections. */
  queries(): number;
  close(): void;
}

export interface Hold {
  /** Resolves when a connection is held up. */
  readonly held: Promise<void>;
  release(): void;
}

export async function startProxy(databaseUrl: string, options: { pooler?: boolean } = {}): Promise<Proxy> {
  const target = new URL(databaseUrl);
  const pairs = new Set<[Socket, Socket]>();
  let frozen = false;
  let queries = 0;
  let muting: string | undefined;
  let holding: ((chunk: Buffer, pair: [Socket, Socket]) => boolean) | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    const messages = new FrontendMessages((type) => {
      if (type === 'Q' || type === 'E') queries++;
    });
    client.on('data', (chunk: Buffer) => {
      messages.push(chunk);
      if (holding?.(chunk, pair)) return;
      if (muting !== undefined && chunk.includes(muting)) {
        muting = undefined;
        for (const [, each] of pairs) each.pause();
      }
      upstream.write(options.pooler ? swallowListen(chunk) : chunk);
    });
    upstream.on('data', (chunk: Buffer) => client.write(chunk));
    for (const socket of pair) {
      socket.on('error', end);
      socket.on('close', end);
      if (frozen) socket.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    freeze: () => {
      frozen = true;
      for (const socket of [...pairs].flat()) socket.pause();
    },
    thaw: () => {
      frozen = false;
      for (const socket of [...pairs].flat()) socket.resume();
    },
    mute: (text) => {
      muting = text;
    },
    hold(text) {
      let held: { chunk: Buffer; pair: [Socket, Socket] } | undefined;
      let tell: () => void = () => undefined;
      holding = (chunk, pair) => {
        if (held || !chunk.includes(text)) return false;
        held = { chunk, pair };
        pair[0].pause();
        tell();
        return true;
      };
      return {
        held: new Promise<void>((resolve) => (tell = resolve)),
        release() {
          holding = undefined;
          held?.pair[1].write(held.chunk);
          held?.pair[0].resume();
        },
      };
    },
    cut: () => {
      for (const socket of [...pairs].flat()) socket.destroy();
    },
    queries: () => queries,
    close: () => {
      server.close();
      for (const socket of [...pairs].flat()) socket.destroy();
    },
  };
}

/** LISTEN succeeds and has no effect, as on a connection that serves somebody else next. Keeps the length. */
function swallowListen(chunk: Buffer): Buffer {
  const text = chunk.toString('latin1');
  return Buffer.from(
    text.replace(/listen "?[^\0]*/gi, (all) => 'select 1'.padEnd(all.length)),
    'latin1',
  );
}

/** Finds the types of the messages in what a client sends; the first message has none. */
class FrontendMessages {
  private rest = Buffer.alloc(0);
  private started = false;

  constructor(private readonly onMessage: (type: string) => void) {}

  push(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    for (;;) {
      const head = this.started ? 1 : 0;
      if (this.rest.length < head + 4) return;
      const length = head + this.rest.readUInt32BE(head);
      if (this.rest.length < length) return;
      if (this.started) this.onMessage(String.fromCharCode(this.rest[0] ?? 0));
      this.started = true;
      this.rest = this.rest.subarray(length);
    }
  }
}
