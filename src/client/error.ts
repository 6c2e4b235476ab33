/** What the client rejects with. */
import type { ErrorCode } from '../errors.js';

/** The server's codes; `CLOSED`: the client was closed; `DISCONNECTED`: the connection broke before the answer. */
export type ClientErrorCode = ErrorCode | 'CLOSED' | 'DISCONNECTED';

/** What the client's promises and its iterator reject with; `code` is API, `message` is for people. */
export class ClientError extends Error {
  override readonly name = 'ClientError';

  constructor(
    readonly code: ClientErrorCode,
    message: string,
    /** The lobby it is about, as it was given to `subscribe`. */
    readonly lobby?: string,
  ) {
    super(message);
  }
}
