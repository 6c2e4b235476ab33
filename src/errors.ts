/** The errors a client can be told, the close codes they end with, and the error an operator gets to read. */

/** Every `error.data.code` of the protocol. Codes are API; the texts beside them are not. */
export const errorMessages = {
  AUTH_ERROR: 'Authentication failed',
  TOKEN_EXPIRED: 'The token has expired',
  AUTH_UNAVAILABLE: 'Authentication is not available right now, try again later',
  INVALID_MESSAGE: 'The message is not valid',
  UNKNOWN_TYPE: 'The message type is not known',
  SUBSCRIBE_DENIED: 'This lobby cannot be subscribed to',
  TOO_MANY_SUBSCRIPTIONS: 'Too many subscriptions on this connection',
  RESUME_FAILED: 'Events were missed that are no longer kept: read the state again',
  RESYNC_REQUIRED: 'Something changed that cannot be told as events: read the state again',
  TOO_MANY_CONNECTIONS: 'Too many connections for this player',
  RATE_LIMITED: 'Too many messages',
  SLOW_CONSUMER: 'The connection reads too slowly',
  SERVER_RESTARTING: 'The server is restarting, connect again',
  INTERNAL_ERROR: 'Internal error',
} as const;

/** The `code` of an `error` message and of a refused Socket.IO connection. Codes are API. */
export type ErrorCode = keyof typeof errorMessages;

/** WebSocket close codes this server uses on purpose. */
export const closeCodes = {
  GOING_AWAY: 1001,
  INTERNAL: 1011,
  RESTART: 1012,
  TRY_AGAIN: 1013,
  UNAUTHORIZED: 4401,
  SLOW: 4408,
  TOO_MANY: 4429,
} as const;

/** The close code that follows an error; a code not listed here leaves the connection open. */
export const closeCodeOf: Partial<Record<ErrorCode, number>> = {
  AUTH_ERROR: closeCodes.UNAUTHORIZED,
  TOKEN_EXPIRED: closeCodes.UNAUTHORIZED,
  AUTH_UNAVAILABLE: closeCodes.TRY_AGAIN,
  TOO_MANY_CONNECTIONS: closeCodes.TOO_MANY,
  SLOW_CONSUMER: closeCodes.SLOW,
  SERVER_RESTARTING: closeCodes.RESTART,
  INTERNAL_ERROR: closeCodes.INTERNAL,
};

/** An error that is told to a client: `code` goes on the wire, `cause` stays here. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';

  constructor(
    readonly code: ErrorCode,
    options: { message?: string; cause?: unknown } = {},
  ) {
    super(
      options.message ?? errorMessages[code],
      options.cause === undefined ? {} : { cause: options.cause },
    );
  }
}

/**
 * Something the operator must mend before the server can run: settings, database, disk, rights.
 * `message` is one sentence that says what is wrong and what to do; the command line prints it and exits 1.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
  }
}
