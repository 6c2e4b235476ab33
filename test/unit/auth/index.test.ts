/** The settings pick the mode; an explicit key or audience wins over the Privy app id. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuth, type AuthOptions } from '../../../src/auth/index.js';
import { OperatorError } from '../../../src/errors.js';
import { goodClaims, makeTestKey, outcome, sign, type TestKey } from './support.js';

let dataDir: string;
let key: TestKey;
let publicKey: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-auth-'));
  key = await makeTestKey('key');
  publicKey = JSON.stringify(key.jwk);
});

afterAll(() => rm(dataDir, { recursive: true }));

/** Builds with a key server that answers from memory; `asked` holds the URLs. */
async function build(changes: Partial<AuthOptions>) {
  const asked: string[] = [];
  const fetch = (url: URL) => {
    asked.push(url.href);
    return Promise.resolve(Response.json({ keys: [key.jwk] }));
  };
  const options: AuthOptions = { dataDir, authIssuer: 'privy.io', authAlgorithms: ['ES256'], ...changes };
  const auth = await createAuth(options, { fetch });
  const attempt = async (claims: Record<string, unknown>) =>
    outcome(auth.authenticator.authenticate(await sign(key, goodClaims(claims))));
  return { ...auth, asked, attempt };
}

describe('createAuth', () => {
  it('goes to development mode with no key, where what it mints is taken', async () => {
    const { authenticator, mint } = await build({});
    expect(authenticator.mode).toBe('development');
    const token = await mint?.({ playerId: 'p' });
    expect(await authenticator.authenticate(token)).toMatchObject({ playerId: 'p' });
  });

  it('asks Privy for the app’s keys, at once, and takes tokens for the app', async () => {
    const { authenticator, mint, asked, attempt } = await build({ privyAppId: 'app/1' });
    expect(asked).toEqual(['https://auth.privy.io/api/v1/apps/app%2F1/jwks.json']);
    expect([authenticator.mode, mint]).toEqual(['jwks', undefined]);
    expect(await attempt({ aud: 'app/1' })).toBe('ok');
    expect(await attempt({ aud: 'app' })).toBe('AUTH_ERROR audience');
  });

  it('takes an explicit key set, issuer and audience', async () => {
    const { asked, attempt } = await build({
      privyAppId: 'app',
      authJwksUrl: 'https://keys.example/jwks',
      authIssuer: 'example',
      authAudience: ['one', 'two'],
    });
    expect(asked).toEqual(['https://keys.example/jwks']);
    expect(await attempt({ iss: 'example', aud: 'two' })).toBe('ok');
    expect(await attempt({ iss: 'example', aud: 'app' })).toBe('AUTH_ERROR audience');
    expect(await attempt({ aud: 'one' })).toBe('AUTH_ERROR issuer');
  });

  it('takes an explicit key with the audience of the app', async () => {
    const { authenticator, asked, attempt } = await build({ privyAppId: 'app', authPublicKey: publicKey });
    expect([authenticator.mode, asked]).toEqual(['static', []]);
    expect(await attempt({})).toBe('ok');
  });

  it('applies the maximum age', async () => {
    const { attempt } = await build({
      authPublicKey: publicKey,
      authAudience: ['app'],
      authMaxTokenAgeMs: 60_000,
    });
    expect(await attempt({})).toBe('ok');
    expect(await attempt({ iat: 1_000_000_000 })).toBe('AUTH_ERROR too-old');
  });

  it('starts while the key server is down, and tells of it', async () => {
    const told: Error[] = [];
    const { authenticator } = await createAuth(
      { dataDir, privyAppId: 'app', authIssuer: 'privy.io', authAlgorithms: ['ES256'] },
      { fetch: () => Promise.reject(new Error('no network')), onError: (error) => told.push(error) },
    );
    expect(await outcome(authenticator.authenticate(await sign(key)))).toBe('AUTH_UNAVAILABLE');
    expect(told.map(String)).toEqual(['Error: The key server auth.privy.io gave no answer: no network']);
    expect(authenticator.lastError).toBe(told[0]);
    authenticator.stop();
    authenticator.stop();
  });

  it.each<[string, () => Partial<AuthOptions>, RegExp]>([
    ['both kinds of key', () => ({ authPublicKey: publicKey, authJwksUrl: 'https://x.y' }), /both set/],
    ['a key without audience', () => ({ authPublicKey: publicKey }), /^AUTH_AUDIENCE is missing/],
    [
      'a key server without audience',
      () => ({ authJwksUrl: 'https://x.y', authAudience: [] }),
      /^AUTH_AUDIENCE is missing/,
    ],
    [
      'a key server that is no URL',
      () => ({ authJwksUrl: 'x', authAudience: ['a'] }),
      /^AUTH_JWKS_URL is not/,
    ],
    [
      'a key server on disk',
      () => ({ authJwksUrl: 'file:///x', authAudience: ['a'] }),
      /^AUTH_JWKS_URL is not/,
    ],
    [
      'a key server with password',
      () => ({ authJwksUrl: 'https://a:b@x.y', authAudience: ['a'] }),
      /^AUTH_JWKS_URL is not/,
    ],
    ['a bad key', () => ({ authPublicKey: 'x', authAudience: ['a'] }), /^AUTH_PUBLIC_KEY is not/],
    ['an empty key', () => ({ authPublicKey: '', authAudience: ['a'] }), /^AUTH_PUBLIC_KEY is not/],
    ['no algorithms', () => ({ privyAppId: 'app', authAlgorithms: [] }), /^AUTH_ALGORITHMS allows no/],
  ])('refuses %s', async (_what, changes, message) => {
    const error: unknown = await build(changes()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OperatorError);
    expect(error).toHaveProperty('message', expect.stringMatching(message));
  });
});
