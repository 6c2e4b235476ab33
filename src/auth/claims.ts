/** Checks what a token says about itself and reads who it is for. */
import { refused, type RefusalReason } from './refusal.js';

/** Who a token is for. Times are epoch milliseconds. */
export interface Identity {
  /** `sub` */
  readonly playerId: string;
  /** `sid`: identity tokens have none, and are not access tokens. */
  readonly sessionId: string;
  /** `exp`, or when it reaches the maximum age if that is earlier; without leeway */
  readonly expiresAt: number;
  /** `iat` */
  readonly issuedAt: number;
}

/** What the claims must fit. */
export interface ClaimRules {
  readonly issuer: string;
  /** One of these must be in `aud`. */
  readonly audience: readonly string[];
  /** How far clocks may differ. */
  readonly leewayMs: number;
  /** Tokens issued longer ago than this are refused, whatever their `exp`; no limit when absent. */
  readonly maxTokenAgeMs?: number;
}

const maxIdLength = 256;
/** The end of year 9999: later dates cannot be written as ISO 8601. */
const lastSecond = 253_402_300_799;

/**
 * @param claims the decoded payload, not trusted
 * @param now epoch milliseconds
 * @throws ProtocolError `AUTH_ERROR` for anything missing, malformed, out of time or not ours
 */
export function readIdentity(
  claims: Readonly<Record<string, unknown>>,
  rules: ClaimRules,
  now: number,
): Identity {
  if (claims['iss'] !== rules.issuer) throw refused('issuer');
  if (!isForUs(claims['aud'], rules.audience)) throw refused('audience');

  const expiresAt = readTime(claims['exp'], 'claim-exp');
  const issuedAt = readTime(claims['iat'], 'claim-iat');
  if (now >= expiresAt + rules.leewayMs) throw refused('expired');
  if (issuedAt > now + rules.leewayMs) throw refused('not-yet-valid');
  if (claims['nbf'] !== undefined && readTime(claims['nbf'], 'claim-nbf') > now + rules.leewayMs) {
    throw refused('not-yet-valid');
  }
  const oldAt = issuedAt + (rules.maxTokenAgeMs ?? Infinity);
  if (now > oldAt + rules.leewayMs) throw refused('too-old');

  return {
    playerId: readId(claims['sub'], 'claim-sub'),
    sessionId: readId(claims['sid'], 'claim-sid'),
    expiresAt: Math.min(expiresAt, oldAt),
    issuedAt,
  };
}

function isForUs(audience: unknown, ours: readonly string[]): boolean {
  const named: readonly unknown[] = Array.isArray(audience) ? audience : [audience];
  return named.some((one) => typeof one === 'string' && ours.includes(one));
}

/** Seconds to milliseconds. `1e400` is valid JSON and reads as Infinity: it would never expire. */
function readTime(seconds: unknown, reason: RefusalReason): number {
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= lastSecond)) throw refused(reason);
  return Math.floor(seconds * 1000);
}

/** Postgres text holds neither NUL nor lone surrogates: such an id could never be looked up. */
function readId(value: unknown, reason: RefusalReason): string {
  const usable =
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= maxIdLength &&
    !value.includes('\0') &&
    !/\p{Surrogate}/u.test(value);
  if (!usable) throw refused(reason);
  return value;
}
