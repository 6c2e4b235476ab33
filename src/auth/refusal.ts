/** Why a token was refused: kept inside for metrics and debug logs, never told to the client. */
import { ProtocolError } from '../errors.js';

/** Fixed words only. Nothing out of a token may ever become part of an error: errors end up in logs. */
export type RefusalReason =
  | 'missing'
  | 'too-large'
  | 'malformed'
  | 'algorithm'
  | 'unknown-key'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not-yet-valid'
  | 'too-old'
  | 'claim-exp'
  | 'claim-iat'
  | 'claim-nbf'
  | 'claim-sub'
  | 'claim-sid';

/** The `cause` of every `AUTH_ERROR`. */
export class TokenRefusal extends Error {
  override readonly name = 'TokenRefusal';

  constructor(readonly reason: RefusalReason) {
    super(`Token refused: ${reason}`);
  }
}

/** The error for a token we refuse: the client learns `AUTH_ERROR`, whatever the reason. */
export function refused(reason: RefusalReason): ProtocolError {
  return new ProtocolError('AUTH_ERROR', { cause: new TokenRefusal(reason) });
}
