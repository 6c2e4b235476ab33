/** Stock clients, with what they have received and a way to wait for what is to come. */
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import WebSocket from 'ws';
import type { TestServer } from './server.js';

export interface Message {
  readonly type: string;
  readonly data: any;
  readonly id?: string;
}

/** A client of either protocol. */
export interface TestClient {
  /** Everything received so far, first to last. */
  readonly messages: readonly Message[];
  /** Waits for a message not returned yet that fits; those before it are passed over. */
  next(fits?: string | ((message: Message) => boolean)): Promise<Message>;
  /** Everything up to and including the first message that fits and was not returned yet. */
  until(fits: string | ((message: Message) => boolean)): Promise<readonly Message[]>;
  close(): void;
}

/** Messages as they come, and those who wait for them. */
export class Inbox {
  readonly messages: Message[] = [];
  private read = 0;
  private waiters: { fits: (message: Message) => boolean; from: number; resolve: (at: number) => void }[] =
    [];
  private over: Error | undefined;
  private failures: ((error: Error) => void)[] = [];

  push(message: Message): void {
    this.messages.push(message);
    const at = this.messages.length - 1;
    this.waiters = this.waiters.filter((waiter) => {
      if (at < waiter.from || !waiter.fits(message)) return true;
      waiter.resolve(at);
      return false;
    });
  }

  end(error: Error): void {
    this.over = error;
    for (const fail of this.failures) fail(error);
  }

  private async find(fits: string | ((message: Message) => boolean)): Promise<number> {
    const test = typeof fits === 'string' ? byType(fits) : fits;
    const from = this.read;
    const found = this.messages.findIndex((message, at) => at >= from && test(message));
    if (found >= 0) return found;
    if (this.over) throw this.over;
    return new Promise((resolve, reject) => {
      this.waiters.push({ fits: test, from, resolve });
      this.failures.push(reject);
    });
  }

  async next(fits: string | ((message: Message) => boolean) = () => true): Promise<Message> {
    const at = await this.find(fits);
    this.read = at + 1;
    return this.messages[at] as Message;
  }

  async until(fits: string | ((message: Message) => boolean)): Promise<readonly Message[]> {
    const from = this.read;
    const at = await this.find(fits);
    this.read = at + 1;
    return this.messages.slice(from, at + 1);
  }
}

/** Fits the envelope's type or the event's: `connected`, `lobby:event`, `lobby.joined`. */
const byType = (type: string) => (message: Message) => message.type === type || message.data?.type === type;

export interface RawClient extends TestClient {
  readonly ws: WebSocket;
  /** Resolves with the close code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>;
  send(message: unknown): void;
}

/** A raw client; `query` goes into the URL beside the token. Does not wait for anything. */
export function rawClient(
  server: Pick<TestServer, 'wsUrl'>,
  token: string | undefined,
  query: Record<string, string> = {},
  options: WebSocket.ClientOptions & { protocols?: string[] } = {},
): RawClient {
  const params = new URLSearchParams({ ...(token !== undefined && { token }), ...query });
  const { protocols, ...rest } = options;
  const ws = new WebSocket(`${server.wsUrl}/?${params.toString()}`, protocols ?? [], rest);
  const inbox = new Inbox();
  ws.on('message', (data: Buffer, isBinary) => {
    if (isBinary) throw new Error('a binary frame came');
    inbox.push(JSON.parse(data.toString('utf8')) as Message);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.on('close', (code, reason) => {
      inbox.end(new Error(`closed: ${code} ${String(reason)}`));
      resolve({ code, reason: String(reason) });
    });
  });
  ws.on('error', (error) => inbox.end(error));
  return {
    ws,
    closed,
    messages: inbox.messages,
    next: (fits) => inbox.next(fits),
    until: (fits) => inbox.until(fits),
    send: (message) => ws.send(typeof message === 'string' ? message : JSON.stringify(message)),
    close: () => ws.close(),
  };
}

export interface IoClient extends TestClient {
  readonly socket: Socket;
}

/** A stock Socket.IO client; the trailing offset of connection state recovery becomes the message's `id`. */
export function ioClient(
  server: Pick<TestServer, 'url'>,
  token: string | undefined,
  options: Partial<ManagerOptions & SocketOptions> = {},
): IoClient {
  const socket = io(server.url, {
    auth: token === undefined ? {} : { token },
    transports: ['websocket'],
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 200,
    ...options,
  });
  const inbox = new Inbox();
  socket.onAny((type: string, data: unknown, offset?: unknown) => {
    inbox.push({ type, data, ...(typeof offset === 'string' && { id: offset }) });
  });
  return {
    socket,
    messages: inbox.messages,
    next: (fits) => inbox.next(fits),
    until: (fits) => inbox.until(fits),
    close: () => void socket.close(),
  };
}
