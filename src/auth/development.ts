/** Development mode: a key pair of our own, kept in the data directory, and tokens minted with it. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import { z } from 'zod';
import { OperatorError } from '../errors.js';
import type { AuthenticatorOptions } from './authenticator.js';
import { createStaticKeys } from './static-keys.js';

export const developmentIssuer = 'privy.io';
export const developmentAudience = 'hashi-development';

export interface MintOptions {
  readonly playerId: string;
  /** 24 h by default; zero or less mints a token that has run out already. */
  readonly expiresInSeconds?: number;
}

/** Makes a token with Privy's claims: `iss aud sub sid iat exp`. */
export type Mint = (options: MintOptions) => Promise<string>;

export interface DevelopmentAuth {
  readonly authenticator: AuthenticatorOptions;
  readonly mint: Mint;
}

const keyFile = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  d: z.string(),
  kid: z.string(),
});

/** @throws OperatorError when the key file cannot be written or read */
export async function createDevelopmentAuth(dataDir: string): Promise<DevelopmentAuth> {
  const path = join(dataDir, 'development-key.json');
  const { d, ...publicKey } = await readOrMakeKey(dataDir, path);
  const privateKey = await importJWK({ ...publicKey, d }, 'ES256').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });

  return {
    authenticator: {
      mode: 'development',
      keys: await createStaticKeys(JSON.stringify(publicKey), ['ES256']),
      issuer: developmentIssuer,
      audience: [developmentAudience],
      algorithms: ['ES256'],
    },
    mint({ playerId, expiresInSeconds = 24 * 3600 }) {
      const issuedAt = Math.floor(Date.now() / 1000);
      return new SignJWT({ sid: randomUUID() })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: publicKey.kid })
        .setIssuer(developmentIssuer)
        .setAudience(developmentAudience)
        .setSubject(playerId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + expiresInSeconds)
        .sign(privateKey);
    },
  };
}

async function readOrMakeKey(dataDir: string, path: string): Promise<z.infer<typeof keyFile>> {
  try {
    const text = (await readIfThere(path)) ?? (await makeKey(dataDir, path));
    return keyFile.parse(JSON.parse(text));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Whole file first, then a link under its name: of two processes starting at once one wins, and both use its key. */
async function makeKey(dataDir: string, path: string): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk: JWK = { ...(await exportJWK(privateKey)), kid: randomUUID() };
  const draft = `${path}.${randomUUID()}`;
  await mkdir(dataDir, { recursive: true });
  await writeFile(draft, `${JSON.stringify(jwk)}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(draft, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(path, 'utf8');
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function unreadable(path: string, cause: unknown): OperatorError {
  const code = codeOf(cause);
  // A parser's message could quote the private key; only the system's error codes are repeated.
  const advice =
    typeof code === 'string' && /^E[A-Z]+$/.test(code)
      ? `cannot be used (${code}): check the rights of HASHI_DATA_DIR`
      : 'is damaged: delete it and start again, tokens minted before stop working';
  return new OperatorError(`The development key ${path} ${advice}.`);
}
