/** Carries out what a client asks for; both protocols come here. */
import type { Authenticator } from '../auth/index.js';
import { ProtocolError, type ErrorCode } from '../errors.js';
import type { ClientMessage } from '../protocol/client-message.js';
import type { Subscriptions } from '../routing/subscriptions.js';
import type { Connection } from './connection.js';

/** How a request ended: an error that is told, or what the acknowledgement brings besides. */
export type Outcome = { readonly error: ErrorCode } | { readonly error: null; readonly result: object };

/**
 * Takes a message of the embedding program's own, from either protocol; what it returns is acknowledged.
 * Throws `ProtocolError` to tell the client a code; anything else is told as INTERNAL_ERROR.
 */
export type MessageHandler = (
  socketId: string,
  data: unknown,
) => object | undefined | Promise<object | undefined>;

export interface RequestsOptions {
  readonly subscriptions: Subscriptions;
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  /** By the message's name. */
  readonly handlers: ReadonlyMap<string, MessageHandler>;
  readonly onMessage: (type: ClientMessage['type']) => void;
  readonly onError: (error: unknown) => void;
}

const done: Outcome = { error: null, result: {} };

export class Requests {
  /** Messages that are not the protocol's own. */
  readonly customNames: ReadonlySet<string>;

  constructor(private readonly options: RequestsOptions) {
    this.customNames = new Set(options.handlers.keys());
  }

  /** Never throws. */
  async run(connection: Connection, message: Exclude<ClientMessage, { type: 'ping' }>): Promise<Outcome> {
    const { subscriptions, handlers } = this.options;
    this.options.onMessage(message.type);
    try {
      switch (message.type) {
        case 'subscribe': {
          const error = await subscriptions.subscribe(connection, message.lobby);
          return error === null ? done : { error };
        }
        case 'unsubscribe':
          await subscriptions.unsubscribe(connection, message.lobby);
          return done;
        case 'auth': {
          const error = await this.refresh(connection, message.token);
          return error === null ? done : { error };
        }
        case 'custom':
          return {
            error: null,
            result: (await handlers.get(message.name)?.(connection.id, message.data)) ?? {},
          };
      }
    } catch (error) {
      if (error instanceof ProtocolError) return { error: error.code };
      this.options.onError(error);
      return { error: 'INTERNAL_ERROR' };
    }
  }

  /** A fresh token, for the same player. */
  private async refresh(connection: Connection, token: string): Promise<ErrorCode | null> {
    const identity = await this.options.authenticator.authenticate(token);
    if (identity.playerId !== connection.playerId) return 'AUTH_ERROR';
    connection.expiresAt = identity.expiresAt;
    return null;
  }
}
