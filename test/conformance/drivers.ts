/** The transports behind one interface: what a client of each says, asks, hears and is refused with. */
import { randomUUID } from 'node:crypto';
import { complaintAbout } from '../support/asyncapi.js';
import { ioClient, rawClient, type Message, type TestClient } from '../support/clients.js';
import type { TestServer } from '../support/server.js';

/** What a request was answered with. */
export type Answer =
  | { readonly ok: true; readonly [key: string]: unknown }
  | { readonly ok: false; readonly error: { readonly message: string; readonly code: string } };

/** How a connection ended: a raw client sees a close code, a Socket.IO client whether to come back. */
export type Ending = { readonly code: number } | { readonly final: boolean };

export interface Client extends TestClient {
  /** Sends a message and asks for no answer. */
  say(type: string, data?: unknown): void;
  /** Sends a message and waits for its own answer, passing nothing over. */
  ask(type: string, data?: unknown): Promise<Answer>;
  /** Resolves once everything said before has been carried out. */
  done(): Promise<void>;
  /** Resolves as soon as it can say something, before it is greeted. */
  readonly writable: Promise<void>;
  /** How it ended; pending while it is open. */
  readonly ended: Promise<Ending>;
  /** Resolves when it could not connect, whatever the reason. */
  readonly failed: Promise<void>;
  /** What the server said to a connection it would not take. */
  readonly refused: Promise<{ message: string; code: string }>;
}

export interface ConnectOptions {
  /** Into the URL of the handshake. */
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  /** Set when the token is to travel in `query` or `headers` alone. */
  readonly bare?: boolean;
}

export interface Driver {
  readonly name: string;
  connect(server: TestServer, token: string | undefined, options?: ConnectOptions): Client;
  /** What a client sees of a close with this code. */
  ending(code: number): Ending;
}

/** Messages that are not as the AsyncAPI document says, of any client: there must never be one. */
export const undocumented: string[] = [];

const envelopeTypes = [
  'contract:event',
  'lobby:event',
  'storage:event',
  'bounty:event',
  'connected',
  'pong',
  'error',
  'ack',
];

function inspect(type: string, data: unknown, wellFormed: boolean): void {
  // What the tests themselves send with the server API is theirs, under whatever name.
  if (wellFormed && (data as { from?: unknown })?.from === 'the server API') return;
  const complaint = wellFormed ? complaintAbout({ type, data }) : 'not in the envelope';
  if (complaint !== undefined || !envelopeTypes.includes(type))
    undocumented.push(`${type}: ${complaint} ${JSON.stringify(data)}`);
}

/** Codes after which a Socket.IO client is told not to come back by itself. */
const finalCodes = [4401, 4429];

const raw: Driver = {
  name: 'raw WebSocket',
  ending: (code) => ({ code }),
  connect(server, token, { query, headers, bare } = {}) {
    const client = rawClient(server, bare ? undefined : token, query, headers ? { headers } : {});
    const waiting = new Map<string, (message: Message) => void>();
    let refuse: (error: { message: string; code: string }) => void;
    const refused = new Promise<{ message: string; code: string }>((resolve) => (refuse = resolve));
    client.ws.on('message', (text: Buffer) => {
      const message = JSON.parse(text.toString('utf8')) as Message;
      inspect(message.type, message.data, Object.keys(message).join() === 'type,data');
      waiting.get(message.data?.id)?.(message);
      if (message.type === 'error') refuse(message.data);
    });
    const ask = async (type: string, data?: unknown): Promise<Answer> => {
      const id = randomUUID();
      const answered = new Promise<Message>((resolve) => waiting.set(id, resolve));
      client.send({ type, id, ...(data !== undefined && { data }) });
      const { type: kind, data: answer } = await Promise.race([answered, failWith(client.closed)]);
      waiting.delete(id);
      const { id: _own, ...rest } = answer as Record<string, unknown>;
      return kind === 'error'
        ? { ok: false, error: rest as { message: string; code: string } }
        : { ...rest, ok: true };
    };
    return {
      ...client,
      say: (type, data) => client.send({ type, ...(data !== undefined && { data }) }),
      ask,
      done: async () => void (await ask('unsubscribe', { lobbyCode: 'nobody has this code' })),
      writable: new Promise((resolve) => client.ws.once('open', () => resolve())),
      ended: client.closed.then(({ code }) => ({ code })),
      failed: client.closed.then(() => undefined),
      refused,
    };
  },
};

async function failWith(closed: Promise<{ code: number; reason: string }>): Promise<never> {
  const { code, reason } = await closed;
  throw new Error(`closed before it was answered: ${code} ${reason}`);
}

const socketIo = (transport: 'websocket' | 'polling'): Driver => ({
  name: `Socket.IO by ${transport}`,
  ending: (code) => ({ final: finalCodes.includes(code) }),
  connect(server, token, { query, headers, bare } = {}) {
    const client = ioClient(server, bare ? undefined : token, {
      transports: [transport],
      ...(query && { query }),
      ...(headers && { extraHeaders: headers }),
    });
    const { socket } = client;
    socket.onAny((type: string, ...rest: unknown[]) => {
      // Beside the data comes only the place in the log that stock clients recover from.
      inspect(type, rest[0], rest.length === 1 || (rest.length === 2 && typeof rest[1] === 'string'));
    });
    const args = (data: unknown) => (data === undefined ? [] : [data]);
    const ask = (type: string, data?: unknown) =>
      socket.timeout(20_000).emitWithAck(type, ...args(data)) as Promise<Answer>;
    return {
      ...client,
      say: (type, data) => void socket.emit(type, ...args(data)),
      ask,
      done: async () => void (await ask('unsubscribe', { lobbyCode: 'nobody has this code' })),
      // What is emitted before it is connected is kept until then.
      writable: Promise.resolve(),
      ended: new Promise((resolve) => {
        socket.on('disconnect', (reason) => resolve({ final: reason === 'io server disconnect' }));
      }),
      failed: new Promise((resolve) => socket.once('connect_error', () => resolve())),
      refused: new Promise((resolve) => {
        socket.on('connect_error', ({ message, data }: Error & { data?: { code: string } }) => {
          // A session that a busy machine took too long for was not told anything: the client comes back by itself.
          if (data) resolve({ message, code: data.code });
        });
      }),
    };
  },
});

export const rawDriver = raw;
export const websocketDriver = socketIo('websocket');
export const pollingDriver = socketIo('polling');
export const drivers: readonly Driver[] = [rawDriver, websocketDriver, pollingDriver];
