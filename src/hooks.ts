/** What a program that embeds the server can add to it. */
import type { DefaultEventsMap, Server, Socket } from 'socket.io';
import type { Authenticator } from './auth/index.js';
import { OperatorError, ProtocolError } from './errors.js';
import type { LogEntry } from './log/entry.js';
import { clientMessageTypes, type ClientMessageType } from './protocol/client-message.js';
import type { CanSubscribe } from './routing/subscriptions.js';
import type { MessageHandler } from './transports/requests.js';

/** `socket.data` of every client that is let in, and what a program adds to it. */
export interface ClientData {
  readonly playerId: string;
  readonly transport: 'websocket' | 'socketio';
  [key: string]: unknown;
}

/** A client's socket, whichever protocol it speaks. */
export type ClientSocket = Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, ClientData>;

/**
 * Takes a client's message `name`, from either protocol. What it returns goes into the acknowledgement; a thrown
 * `ProtocolError` tells the client its code.
 */
export type ClientMessageHandler = (
  socket: ClientSocket,
  data: unknown,
) => object | undefined | void | Promise<object | undefined | void>;

/** Names that mean something else already: in the protocol, or to Socket.IO. */
const socketIoNames = [
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'error',
  'newListener',
  'removeListener',
] as const;
type TakenName = ClientMessageType | (typeof socketIoNames)[number];

/** Further messages that clients may send, by name. */
export type ClientMessages = Readonly<Record<string, ClientMessageHandler>> & {
  readonly [Name in TakenName]?: never;
};

/** @throws OperatorError */
export function requireFreeNames(messages: ClientMessages): void {
  const taken: readonly string[] = [...clientMessageTypes, ...socketIoNames];
  const wrong = Object.keys(messages).filter((name) => taken.includes(name));
  if (wrong.length === 0) return;
  throw new OperatorError(
    `"messages" names "${wrong.join('", "')}", which means something else already: choose another name.`,
  );
}

/** Says whose token it is. Throws, or returns null, for a token that is not good. */
export type Authenticate = (
  token: string,
) => Promise<AuthenticatedPlayer | null> | AuthenticatedPlayer | null;

/** Whose token it is, and until when it is good. */
export interface AuthenticatedPlayer {
  readonly playerId: string;
  /** When the token ends, in milliseconds of the epoch; never, if absent. */
  readonly expiresAt?: number;
}

export interface Hooks {
  /** Takes the place of the settings for keys. */
  readonly authenticate?: Authenticate | undefined;
  /** The last word on who may subscribe to a lobby. */
  readonly canSubscribe?: CanSubscribe | undefined;
  /** Messages of the program's own, by name. */
  readonly messages?: ClientMessages | undefined;
  /** Called for every client that is let in. */
  readonly onConnection?: ((socket: ClientSocket) => void | Promise<void>) | undefined;
  /** Entries of the log, after they have been handed to clients. */
  readonly onEntries?: ((entries: readonly LogEntry[]) => void) | undefined;
}

/** Calls a hook of the program's; what it throws, or what its promise rejects with, ends neither the process nor others' hooks. */
export function guarded<T>(
  hook: (given: T) => unknown,
  onError: (error: unknown) => void,
): (given: T) => void {
  return (given) => {
    try {
      const result = hook(given);
      if (result instanceof Promise) result.catch(onError);
    } catch (error) {
      onError(error);
    }
  };
}

export function handlersOf({ messages = {} }: Hooks, io: Server): ReadonlyMap<string, MessageHandler> {
  return new Map(
    Object.entries(messages).map(([name, handle]) => [
      name,
      async (socketId: string, data: unknown) => {
        const socket = io.sockets.sockets.get(socketId) as ClientSocket | undefined;
        return socket ? ((await handle(socket, data)) ?? undefined) : undefined;
      },
    ]),
  );
}

/** The program's own check in the place of ours. */
export function hookedAuthenticator(authenticate: Authenticate): Authenticator {
  return {
    mode: 'static',
    lastError: undefined,
    async authenticate(token) {
      if (token === undefined || token === '') throw new ProtocolError('AUTH_ERROR');
      const player = await Promise.resolve(authenticate(token)).catch((cause: unknown) => {
        throw cause instanceof ProtocolError ? cause : new ProtocolError('AUTH_ERROR', { cause });
      });
      if (player === null) throw new ProtocolError('AUTH_ERROR');
      const { playerId, expiresAt = Number.POSITIVE_INFINITY } = player;
      return { playerId, expiresAt, sessionId: '', issuedAt: Date.now() };
    },
    stop: () => undefined,
  };
}
