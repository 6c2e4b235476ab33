/** Carries out what a client asks for; both protocols come here. */
import type { Authenticator } from '../auth/index.js';
import { ProtocolError, type ErrorCode } from '../errors.js';
import type { ClientMessage } from '../protocol/client-message.js';
import type { Subscriptions } from '../routing/subscriptions.js';
import type { Connection } from './connection.js';

export interface RequestsOptions {
  readonly subscriptions: Subscriptions;
  readonly authenticator: Authenticator;
  readonly onMessage: (type: ClientMessage['type']) => void;
  readonly onError: (error: unknown) => void;
}

export class Requests {
  constructor(private readonly options: RequestsOptions) {}

  /** Returns why it failed, or null. Never throws. */
  async run(
    connection: Connection,
    message: Exclude<ClientMessage, { type: 'ping' }>,
  ): Promise<ErrorCode | null> {
    this.options.onMessage(message.type);
    try {
      switch (message.type) {
        case 'subscribe':
          return await this.options.subscriptions.subscribe(connection, message.lobby);
        case 'unsubscribe':
          await this.options.subscriptions.unsubscribe(connection, message.lobby);
          return null;
        case 'auth':
          return await this.refresh(connection, message.token);
      }
    } catch (error) {
      if (error instanceof ProtocolError) return error.code;
      this.options.onError(error);
      return 'INTERNAL_ERROR';
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
