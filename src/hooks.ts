/** What a program that embeds the server can add to it. */
import type { Server, Socket } from 'socket.io';
import type { Authenticator } from './auth/index.js';
import { ProtocolError } from './errors.js';
import type { LogEntry } from './log/entry.js';
import type { CanSubscribe } from './routing/subscriptions.js';
import type { MessageHandler } from './transports/requests.js';

/**
 * Takes a client's message `name`, from either protocol. What it returns goes into the acknowledgement; a thrown
 * `ProtocolError` tells the client its code.
 */
export type ClientMessageHandler = (
  socket: Socket,
  data: unknown,
) => object | undefined | void | Promise<object | undefined | void>;

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
  readonly messages?: Readonly<Record<string, ClientMessageHandler>> | undefined;
  /** Called for every client that is let in. */
  readonly onConnection?: ((socket: Socket) => void) | undefined;
  /** Entries of the log, after they have been handed to clients. */
  readonly onEntries?: ((entries: readonly LogEntry[]) => void) | undefined;
}

export function handlersOf({ messages = {} }: Hooks, io: Server): ReadonlyMap<string, MessageHandler> {
  return new Map(
    Object.entries(messages).map(([name, handle]) => [
      name,
      async (socketId: string, data: unknown) => {
        const socket = io.sockets.sockets.get(socketId);
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
