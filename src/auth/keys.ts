/** Public keys: reading them from JWKs, and choosing the one that a token names. */
import { importJWK, type CryptoKey, type JWK } from 'jose';
import { z } from 'zod';

/** The signature algorithms this server knows; the settings say which of them it takes. */
export const algorithms = ['ES256', 'EdDSA', 'RS256'] as const;
export type Algorithm = (typeof algorithms)[number];

/** What a token's header says: where the key is chosen by it, nothing of it is proven yet. */
export interface TokenHeader {
  readonly alg?: string | undefined;
  readonly kid?: string | undefined;
}

/** Where verification keys come from. */
export interface KeySource {
  /** Begins to load the keys, without waiting. */
  start(): void;
  /**
   * @throws ProtocolError `AUTH_ERROR` when no key fits the header,
   *   `AUTH_UNAVAILABLE` when one might and cannot be had right now
   */
  getKey(header: TokenHeader): Promise<CryptoKey>;
  /** Ends requests under way; can be called twice. */
  stop(): void;
  /** Why the last attempt to load keys failed; undefined once one has worked. */
  readonly lastError?: Error | undefined;
}

/** One key, fit for one algorithm. */
export interface VerificationKey {
  readonly kid: string | undefined;
  readonly algorithm: Algorithm;
  readonly key: CryptoKey;
}

/** A key that was left out, and why. */
export interface UnusableKey {
  readonly problem: string;
}

const base64url = z.string().min(1).max(2048);
const publicParts = z.discriminatedUnion('kty', [
  z.object({ kty: z.literal('EC'), crv: z.string(), x: base64url, y: base64url }),
  z.object({ kty: z.literal('OKP'), crv: z.string(), x: base64url }),
  z.object({ kty: z.literal('RSA'), n: base64url, e: base64url }),
]);
const usage = z.object({
  kid: z.string().max(1024).optional(),
  use: z.string().optional(),
  alg: z.string().optional(),
  key_ops: z.array(z.string()).optional(),
});

/** Shorter RSA keys can be broken, and jose refuses to verify with them. */
const minRsaBits = 2048;

/**
 * Reads one JWK. Only the public members are passed on, so a private key that someone published by mistake is
 * used as a public one.
 */
export async function readKey(
  jwk: unknown,
  allowed: readonly Algorithm[],
): Promise<VerificationKey | UnusableKey> {
  const parts = publicParts.safeParse(jwk);
  const purpose = usage.safeParse(jwk);
  if (!parts.success || !purpose.success) return { problem: 'it is not a public key of type EC, OKP or RSA' };
  const { kid, use, alg, key_ops: operations } = purpose.data;

  const algorithm = algorithmOf(parts.data);
  if (algorithm === undefined) return { problem: 'its curve is neither P-256 nor Ed25519' };
  // RFC 9864 renamed EdDSA over Ed25519; key sets use either name.
  if (alg !== undefined && alg !== algorithm && !(alg === 'Ed25519' && algorithm === 'EdDSA')) {
    return { problem: 'its alg does not fit its type' };
  }
  if (!allowed.includes(algorithm)) {
    return { problem: `it is a key for ${algorithm}, and AUTH_ALGORITHMS allows ${allowed.join(', ')}` };
  }
  if (use !== undefined && use !== 'sig') return { problem: 'its use is not sig' };
  if (operations !== undefined && !operations.includes('verify')) {
    return { problem: 'its key_ops do not include verify' };
  }
  if (parts.data.kty === 'RSA' && Buffer.from(parts.data.n, 'base64url').length * 8 < minRsaBits) {
    return { problem: `it is shorter than ${minRsaBits} bits` };
  }

  try {
    return { kid, algorithm, key: await importPublic(parts.data, algorithm) };
  } catch (cause) {
    return { problem: `its numbers make no valid key (${cause instanceof Error ? cause.name : 'unknown'})` };
  }
}

/**
 * Picks the key for a token: by `kid` when it has one, else the only key for its algorithm.
 * Returns undefined when there is none, or no telling which.
 */
export function chooseKey(keys: readonly VerificationKey[], header: TokenHeader): CryptoKey | undefined {
  const fitting = keys.filter(({ algorithm }) => algorithm === header.alg);
  if (header.kid === undefined) return fitting.length === 1 ? fitting[0]?.key : undefined;
  return fitting.find(({ kid }) => kid === header.kid)?.key;
}

async function importPublic(jwk: JWK, algorithm: Algorithm): Promise<CryptoKey> {
  const key = await importJWK(jwk, algorithm);
  if (key instanceof Uint8Array) throw new TypeError('A symmetric key verifies nothing');
  return key;
}

/** The algorithm follows from the key, never from the token: that is what defeats algorithm confusion. */
function algorithmOf(jwk: z.infer<typeof publicParts>): Algorithm | undefined {
  switch (jwk.kty) {
    case 'EC':
      return jwk.crv === 'P-256' ? 'ES256' : undefined;
    case 'OKP':
      return jwk.crv === 'Ed25519' ? 'EdDSA' : undefined;
    case 'RSA':
      return 'RS256';
  }
}
