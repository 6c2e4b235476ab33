/** Turns a token into a player's identity, or refuses it. */
import { compactVerify, decodeJwt, errors } from 'jose';
import { ProtocolError } from '../errors.js';
import { readIdentity, type ClaimRules, type Identity } from './claims.js';
import type { Algorithm, KeySource } from './keys.js';
import { refused } from './refusal.js';

/** Where the keys come from: made here, given as one setting, or fetched from a key server. */
export type AuthMode = 'development' | 'static' | 'jwks';

export interface Authenticator {
  readonly mode: AuthMode;
  /** Why keys could not be loaded the last time it was tried; undefined when all is well. */
  readonly lastError: Error | undefined;
  /**
   * @throws ProtocolError `AUTH_ERROR` for every kind of bad token (its `cause` a TokenRefusal),
   *   `AUTH_UNAVAILABLE` when the key server is needed and cannot be reached
   */
  authenticate(token: string | undefined): Promise<Identity>;
  /** Ends requests to the key server; can be called twice. */
  stop(): void;
}

export interface AuthenticatorOptions extends Omit<ClaimRules, 'leewayMs'> {
  readonly mode: AuthMode;
  readonly keys: KeySource;
  readonly algorithms: readonly Algorithm[];
  /** How far clocks may differ, 5 s by default. */
  readonly leewayMs?: number;
  /** Epoch milliseconds, `Date.now` by default. */
  readonly now?: () => number;
}

/** Privy's tokens are under 1 KiB. */
const maxTokenBytes = 8 * 1024;
/** Three parts of base64url: so one character is one byte, and nothing stranger reaches a parser. */
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { keys, mode, now = Date.now } = options;
  const rules: ClaimRules = { leewayMs: 5_000, ...options };
  const algorithms = [...options.algorithms];

  return {
    mode,
    get lastError() {
      return keys.lastError;
    },
    async authenticate(token) {
      if (typeof token !== 'string' || token === '') throw refused('missing');
      if (token.length > maxTokenBytes) throw refused('too-large');
      if (!compactForm.test(token)) throw refused('malformed');
      // Claims first: a token that is no good in any case costs no signature check and no request for a key.
      const identity = readIdentity(decodeClaims(token), rules, now());
      await verifySignature(token, keys, algorithms);
      return identity;
    },
    stop() {
      keys.stop();
    },
  };
}

function decodeClaims(token: string): Record<string, unknown> {
  try {
    return decodeJwt(token);
  } catch {
    // The decoder's error quotes the payload.
    throw refused('malformed');
  }
}

async function verifySignature(token: string, keys: KeySource, algorithms: string[]): Promise<void> {
  try {
    await compactVerify(
      token,
      (header) => {
        // No extension is known here; `b64` would make the signed payload another one than the decoded.
        if (header.crit !== undefined) throw refused('malformed');
        return keys.getKey(header);
      },
      { algorithms },
    );
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    if (error instanceof errors.JOSEAlgNotAllowed) throw refused('algorithm');
    if (error instanceof errors.JWSSignatureVerificationFailed) throw refused('signature');
    if (error instanceof errors.JOSEError) throw refused('malformed');
    throw error;
  }
}
