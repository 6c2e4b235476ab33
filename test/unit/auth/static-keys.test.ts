/** AUTH_PUBLIC_KEY in every form it is pasted in, and what the operator reads when it is wrong. */
import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, exportPKCS8, exportSPKI, importJWK, type CryptoKey } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Algorithm } from '../../../src/auth/keys.js';
import { createStaticKeys } from '../../../src/auth/static-keys.js';
import { OperatorError } from '../../../src/errors.js';
import { makeTestKey, outcome, type TestKey } from './support.js';

let key: TestKey;
let other: TestKey;
let rsa: TestKey;
let pem: string;

beforeAll(async () => {
  [key, other, rsa] = await Promise.all([makeTestKey('a'), makeTestKey('b'), makeTestKey('r', 'RS256')]);
  pem = await exportSPKI((await importJWK(key.jwk, 'ES256', { extractable: true })) as CryptoKey);
});

describe('a key', () => {
  it.each<[string, () => string]>([
    ['PEM', () => pem],
    ['PEM with line breaks written as \\n', () => pem.replaceAll('\n', '\\n')],
    ['PEM with \\r\\n', () => pem.replaceAll('\n', '\\r\\n')],
    ['PEM with spaces for line breaks', () => pem.replaceAll('\n', ' ')],
    ['PEM on one line', () => pem.replaceAll('\n', '')],
    ['PEM in quotes', () => `"${pem}"`],
    ['JWK', () => JSON.stringify(key.jwk)],
    ['JWK without kid and alg', () => JSON.stringify({ ...key.jwk, kid: undefined, alg: undefined })],
    ['JWK set', () => JSON.stringify({ keys: [key.jwk] })],
    ['JWK set with a key we cannot use', () => JSON.stringify({ keys: [{ kty: 'EC' }, key.jwk, rsa.jwk] })],
  ])('is read from %s, and fits whatever kid a token names', async (_form, text) => {
    const keys = await createStaticKeys(text(), ['ES256']);
    for (const header of [{ alg: 'ES256' }, { alg: 'ES256', kid: 'whatever' }]) {
      const { kty, crv, x } = await exportJWK(await keys.getKey(header));
      expect({ kty, crv, x }).toEqual({ kty: 'EC', crv: 'P-256', x: key.jwk.x });
    }
    expect(await outcome(keys.getKey({ alg: 'RS256' }))).toBe('AUTH_ERROR unknown-key');
  });

  it('of several is chosen by kid', async () => {
    const keys = await createStaticKeys(JSON.stringify({ keys: [key.jwk, other.jwk] }), ['ES256']);
    expect((await exportJWK(await keys.getKey({ alg: 'ES256', kid: 'b' }))).x).toBe(other.jwk.x);
    expect(await outcome(keys.getKey({ alg: 'ES256', kid: 'c' }))).toBe('AUTH_ERROR unknown-key');
    expect(await outcome(keys.getKey({ alg: 'ES256' }))).toBe('AUTH_ERROR unknown-key');
  });

  it.each<[Algorithm, string]>([
    ['EdDSA', 'OKP'],
    ['RS256', 'RSA'],
  ])('may be for %s when that is allowed', async (alg, kty) => {
    const { jwk } = await makeTestKey('x', alg);
    const keys = await createStaticKeys(JSON.stringify(jwk), ['ES256', alg]);
    expect((await exportJWK(await keys.getKey({ alg }))).kty).toBe(kty);
  });

  it('may be called Ed25519, as RFC 9864 has it', async () => {
    const { jwk } = await makeTestKey('x', 'EdDSA');
    const keys = await createStaticKeys(JSON.stringify({ ...jwk, alg: 'Ed25519' }), ['EdDSA']);
    expect(await outcome(keys.getKey({ alg: 'EdDSA' }))).toBe('ok');
  });
});

describe('the operator is told', () => {
  const shortRsa = () =>
    generateKeyPairSync('rsa', { modulusLength: 1024 })
      .publicKey.export({ format: 'pem', type: 'spki' })
      .toString();
  const p384 = () =>
    generateKeyPairSync('ec', { namedCurve: 'P-384' })
      .publicKey.export({ format: 'pem', type: 'spki' })
      .toString();

  it.each<[string, () => string | Promise<string>, RegExp]>([
    ['nothing there', () => '', /is not a public key; give a PEM block/],
    ['a word', () => 'secret', /is not a public key/],
    ['a file name', () => '/etc/key.pem', /is not a public key/],
    ['bad JSON', () => '{"kty":', /is not valid JSON/],
    ['an empty object', () => '{}', /is not a public key of type/],
    ['an empty set', () => '{"keys":[]}', /holds no usable key: it is empty/],
    ['a set of rubbish', () => '{"keys":[null,7]}', /is not a public key of type/],
    ['PEM of rubbish', () => pem.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'), /is not a readable PEM/],
    ['a certificate', () => pem.replaceAll('PUBLIC KEY', 'CERTIFICATE'), /is not a public key/],
    ['a private PEM', () => exportPKCS8(key.privateKey), /holds a private key/],
    [
      'a private JWK',
      async () => JSON.stringify(await exportJWK(key.privateKey)),
      /holds a private or secret key/,
    ],
    ['a secret', () => '{"kty":"oct","k":"c2VjcmV0"}', /holds a private or secret key/],
    ['an algorithm not allowed', () => JSON.stringify(rsa.jwk), /RS256, and AUTH_ALGORITHMS allows ES256/],
    ['another curve', p384, /neither P-256 nor Ed25519/],
    ['encryption', () => JSON.stringify({ ...key.jwk, use: 'enc' }), /its use is not sig/],
    ['numbers off the curve', () => JSON.stringify({ ...key.jwk, x: 'AAAA' }), /make no valid key/],
  ])('of %s', async (_what, text, message) => {
    const error: unknown = await createStaticKeys(await text(), ['ES256']).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OperatorError);
    expect(error).toHaveProperty('message', expect.stringMatching(/^AUTH_PUBLIC_KEY .*\.$/));
    expect(error).toHaveProperty('message', expect.stringMatching(message));
  });

  it('of an RSA key that is too short', async () => {
    await expect(createStaticKeys(shortRsa(), ['RS256'])).rejects.toThrow(/shorter than 2048 bits/);
  });

  it('nothing of a private key pasted by mistake', async () => {
    const { d } = await exportJWK(key.privateKey);
    const error: unknown = await createStaticKeys(`{"d":"${d}", oops`, ['ES256']).catch((e: unknown) => e);
    expect(String(error)).not.toContain(String(d).slice(0, 8));
  });
});
