/** Every kind of bad token is refused with AUTH_ERROR, and a good one gives the player. */
import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { CompactSign, exportSPKI, importJWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthenticator, type AuthenticatorOptions } from '../../../src/auth/authenticator.js';
import type { KeySource } from '../../../src/auth/keys.js';
import { createStaticKeys } from '../../../src/auth/static-keys.js';
import { ProtocolError } from '../../../src/errors.js';
import {
  encodePart,
  goodClaims as claimsAt,
  makeTestKey,
  outcome,
  sign as signClaims,
  type TestKey,
} from './support.js';

/** The time in these tests, in seconds: a slow machine must not carry a token over its leeway. */
const T = 1_800_000_000;
const goodClaims = (changes: Record<string, unknown> = {}) => claimsAt(changes, T);
const sign = (by: TestKey, claims = goodClaims(), header = {}) => signClaims(by, claims, header);

let key: TestKey;
let second: TestKey;
let stranger: TestKey;
let edwards: TestKey;
let rsa: TestKey;
let keys: KeySource;

beforeAll(async () => {
  [key, second, stranger, edwards, rsa] = await Promise.all([
    makeTestKey('key-1'),
    makeTestKey('key-2'),
    makeTestKey('key-1'),
    makeTestKey('key-ed', 'EdDSA'),
    makeTestKey('key-rsa', 'RS256'),
  ]);
  const set = { keys: [key, second, edwards, rsa].map(({ jwk }) => jwk) };
  keys = await createStaticKeys(JSON.stringify(set), ['ES256', 'EdDSA', 'RS256']);
});

function authenticator(changes: Partial<AuthenticatorOptions> = {}) {
  return createAuthenticator({
    mode: 'static',
    keys,
    issuer: 'privy.io',
    audience: ['app', 'other-app'],
    algorithms: ['ES256'],
    now: () => T * 1000,
    ...changes,
  });
}

const authenticate = (token: string | undefined, changes: Partial<AuthenticatorOptions> = {}) =>
  outcome(authenticator(changes).authenticate(token));

describe('a good token', () => {
  it('gives the player, the session and the times in milliseconds', async () => {
    const claims = goodClaims({
      sub: 'did:privy:abc',
      sid: 's',
      iat: T - 10,
      exp: T + 60,
    });
    expect(await authenticator().authenticate(await sign(key, claims))).toEqual({
      playerId: 'did:privy:abc',
      sessionId: 's',
      issuedAt: Number(claims['iat']) * 1000,
      expiresAt: Number(claims['exp']) * 1000,
    });
  });

  it.each([
    ['another of our audiences', { aud: 'other-app' }],
    ['several audiences, one ours', { aud: ['x', 'app'] }],
    ['an exp that is over, within the leeway', { exp: T - 2 }],
    ['an iat in the future, within the leeway', { iat: T + 3 }],
    ['an nbf in the future, within the leeway', { nbf: T + 3 }],
    ['an nbf that is past', { nbf: T - 3 }],
    ['times with fractions', { exp: T + 0.5 }],
    ['ids of 256 characters', { sub: 'x'.repeat(256), sid: 'y'.repeat(256) }],
    ['an id with whole surrogate pairs', { sub: 'player 🙂' }],
    ['claims we do not know', { role: 'admin', ['__proto__']: { sub: 'x' } }],
  ])('may have %s', async (_what, changes) => {
    expect(await authenticate(await sign(key, goodClaims(changes)))).toBe('ok');
  });

  it('may be signed with any allowed algorithm', async () => {
    for (const one of [key, edwards, rsa]) {
      expect(await authenticate(await sign(one), { algorithms: ['ES256', 'EdDSA', 'RS256'] })).toBe('ok');
    }
  });
});

describe('claims', () => {
  it.each([
    ['no exp', { exp: undefined }, 'claim-exp'],
    ['no iat', { iat: undefined }, 'claim-iat'],
    ['no sub', { sub: undefined }, 'claim-sub'],
    ['no sid, as in an identity token', { sid: undefined }, 'claim-sid'],
    ['no iss', { iss: undefined }, 'issuer'],
    ['no aud', { aud: undefined }, 'audience'],
    ['another issuer', { iss: 'privy.io.evil' }, 'issuer'],
    ['a list of issuers', { iss: ['privy.io'] }, 'issuer'],
    ['another audience', { aud: 'app2' }, 'audience'],
    ['other audiences', { aud: ['x', ['app'], null] }, 'audience'],
    ['no audiences', { aud: [] }, 'audience'],
    ['an exp past the leeway', { exp: T - 6 }, 'expired'],
    ['an exp in text', { exp: '9999999999' }, 'claim-exp'],
    ['an exp of null', { exp: null }, 'claim-exp'],
    ['an exp in milliseconds', { exp: T * 1_000_000 }, 'claim-exp'],
    ['an exp before 1970', { exp: -1 }, 'claim-exp'],
    ['an iat in the future', { iat: T + 60 }, 'not-yet-valid'],
    ['an iat in text', { iat: 'now' }, 'claim-iat'],
    ['an iat beyond all years', { iat: 1e300 }, 'claim-iat'],
    ['an iat below zero', { iat: -1e300 }, 'claim-iat'],
    ['an exp that is a list', { exp: [9999999999] }, 'claim-exp'],
    ['an nbf in the future', { nbf: T + 60 }, 'not-yet-valid'],
    ['an nbf in text', { nbf: '0' }, 'claim-nbf'],
    ['an nbf of null', { nbf: null }, 'claim-nbf'],
    ['an empty sub', { sub: '' }, 'claim-sub'],
    ['a sub that is a number', { sub: 7 }, 'claim-sub'],
    ['a sub too long', { sub: 'x'.repeat(257) }, 'claim-sub'],
    ['a sub with NUL', { sub: 'a\0b' }, 'claim-sub'],
    ['a sub with a lone surrogate', { sub: 'a\ud800b' }, 'claim-sub'],
    ['an empty sid', { sid: '' }, 'claim-sid'],
    ['a sid that is an object', { sid: {} }, 'claim-sid'],
    ['a sid with NUL', { sid: '\0' }, 'claim-sid'],
  ])('refuses %s', async (_what, changes, reason) => {
    expect(await authenticate(await sign(key, goodClaims(changes)))).toBe(`AUTH_ERROR ${reason}`);
  });

  it('refuses an exp of infinity, which JSON can say', async () => {
    const payload = JSON.stringify(goodClaims({ exp: 0 })).replace('"exp":0', '"exp":1e400');
    expect(await authenticate(`${encodePart({ alg: 'ES256' })}.${encodePart(payload)}.AAAA`)).toBe(
      'AUTH_ERROR claim-exp',
    );
  });

  it('takes a token up to its exp and the leeway, not a millisecond longer', async () => {
    const exp = T + 100;
    const token = await sign(key, goodClaims({ exp }));
    expect(await authenticate(token, { now: () => exp * 1000 + 4_999 })).toBe('ok');
    expect(await authenticate(token, { now: () => exp * 1000 + 5_000 })).toBe('AUTH_ERROR expired');
  });

  it('refuses tokens above the maximum age, when there is one', async () => {
    const token = await sign(key, goodClaims({ iat: T - 7200 }));
    expect(await authenticate(token)).toBe('ok');
    expect(await authenticate(token, { maxTokenAgeMs: 3 * 3_600_000 })).toBe('ok');
    expect(await authenticate(token, { maxTokenAgeMs: 3_600_000 })).toBe('AUTH_ERROR too-old');
  });
});

describe('signatures', () => {
  const unsigned = (header: unknown, signature = '') =>
    `${encodePart(header)}.${encodePart(goodClaims())}.${signature}`;

  it.each<[string, () => string | Promise<string>, string]>([
    ['a stranger’s key under our kid', () => sign(stranger), 'signature'],
    ['an unknown kid', () => sign(key, goodClaims(), { kid: 'key-9' }), 'unknown-key'],
    ['our other key under the wrong kid', () => sign(second, goodClaims(), { kid: 'key-1' }), 'signature'],
    ['a kid that is no text', () => unsigned({ alg: 'ES256', kid: 1 }, 'AAAA'), 'unknown-key'],
    ['no kid where several keys fit', () => unsigned({ alg: 'ES256' }, 'AAAA'), 'unknown-key'],
    ['EdDSA, which is not allowed', () => sign(edwards), 'algorithm'],
    ['RS256, which is not allowed', () => sign(rsa), 'algorithm'],
    ['alg none without signature', () => unsigned({ alg: 'none' }), 'malformed'],
    ['alg none with a signature', () => unsigned({ alg: 'none' }, 'AAAA'), 'algorithm'],
    ['alg nOnE', () => unsigned({ alg: 'nOnE' }, 'AAAA'), 'algorithm'],
    ['no alg', () => unsigned({ kid: 'key-1' }, 'AAAA'), 'malformed'],
    ['an alg that is a list', () => unsigned({ alg: ['ES256'] }, 'AAAA'), 'malformed'],
    [
      'an empty ECDSA signature (r = s = 0)',
      () => unsigned({ alg: 'ES256', kid: 'key-1' }, 'A'.repeat(86)),
      'signature',
    ],
    ['HS256 keyed with the public key', () => hmacWithPublicKey(), 'algorithm'],
    [
      'the key of its own header',
      () => sign(stranger, goodClaims(), { kid: 'x', jwk: stranger.jwk }),
      'unknown-key',
    ],
    ...['jku', 'x5u'].map((name): [string, () => Promise<string>, string] => [
      `a key that its header says is elsewhere: ${name}`,
      () => sign(stranger, goodClaims(), { kid: 'x', [name]: 'http://127.0.0.1:9/keys.json' }),
      'unknown-key',
    ]),
    [
      'a certificate of its own',
      () => sign(stranger, goodClaims(), { kid: 'x', x5c: ['AAAA'], x5t: 'AAAA' }),
      'unknown-key',
    ],
    ...['../../../dev/null', "key-1' or '1'='1", '__proto__', '*', 'key-1\0', ''].map(
      (kid): [string, () => Promise<string>, string] => [
        `a kid that is ${JSON.stringify(kid)}`,
        () => sign(stranger, goodClaims(), { kid }),
        'unknown-key',
      ],
    ),
    [
      'the critical extension b64',
      () => unsigned({ alg: 'ES256', kid: 'key-1', b64: false, crit: ['b64'] }, 'AAAA'),
      'malformed',
    ],
    [
      'unknown critical extensions',
      () => unsigned({ alg: 'ES256', kid: 'key-1', crit: ['x'], x: 1 }, 'AAAA'),
      'malformed',
    ],
  ])('refuses %s', async (_what, make, reason) => {
    expect(await authenticate(await make())).toBe(`AUTH_ERROR ${reason}`);
  });

  it('refuses HS256 keyed with the public key even when the list is wide', async () => {
    const wide = { algorithms: ['ES256', 'EdDSA', 'RS256', 'HS256'] as never };
    expect(await authenticate(await hmacWithPublicKey(), wide)).toBe('AUTH_ERROR unknown-key');
  });

  it.each([
    ['a good claim hidden behind a bad one', '"exp":0', 'AUTH_ERROR expired'],
    ['another player before the last one', '"sub":"admin"', 'ok'],
  ])('reads the last of claims that are there twice: %s', async (_what, claim, expected) => {
    const good = JSON.stringify(goodClaims());
    const name = claim.split(':')[0] ?? '';
    // JSON.parse takes the last one, and so does whoever else reads it here: there is one reader.
    const payload = name === '"exp"' ? `${good.slice(0, -1)},${claim}}` : `{${claim},${good.slice(1)}`;
    const token = await new CompactSign(Buffer.from(payload))
      .setProtectedHeader({ alg: 'ES256', kid: 'key-1' })
      .sign(key.privateKey);
    expect(await authenticate(token)).toBe(expected);
    if (expected === 'ok') expect((await authenticator().authenticate(token)).playerId).toBe('player-1');
  });

  it('refuses a token whose payload was changed', async () => {
    const [header, , signature] = (await sign(key)).split('.');
    const forged = `${header}.${encodePart(goodClaims({ sub: 'admin' }))}.${signature}`;
    expect(await authenticate(forged)).toBe('AUTH_ERROR signature');
  });

  async function hmacWithPublicKey(): Promise<string> {
    const pem = await exportSPKI((await importJWK(key.jwk, 'ES256')) as never);
    const input = `${encodePart({ alg: 'HS256', kid: 'key-1' })}.${encodePart(goodClaims())}`;
    return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
  }
});

describe('form', () => {
  it.each([
    ['no token', undefined, 'missing'],
    ['an empty one', '', 'missing'],
    ['a number', 7 as never, 'missing'],
    ['an object', { toString: () => 'a.b.c' } as never, 'missing'],
    ['a word', 'hello', 'malformed'],
    ['two parts', 'a.b', 'malformed'],
    ['five parts, as in JWE', 'a.b.c.d.e', 'malformed'],
    ['empty parts', '..', 'malformed'],
    ['three parts of nonsense', 'a.b.c', 'malformed'],
    ['a payload that is no JSON', `e30.${encodePart('not json')}.AAAA`, 'malformed'],
    ['a payload that is a list', `e30.${encodePart([])}.AAAA`, 'malformed'],
    ['a payload of null', `e30.${encodePart(null)}.AAAA`, 'malformed'],
    ['a header that is no JSON', `${encodePart('x')}.${encodePart(goodClaims())}.AAAA`, 'malformed'],
    ['line breaks', `e30.e30.AAAA\n`, 'malformed'],
  ])('refuses %s', async (_what, token, reason) => {
    expect(await authenticate(token)).toBe(`AUTH_ERROR ${reason}`);
  });

  it('takes tokens up to 8 KiB and refuses longer ones before it reads them', async () => {
    const room = 8192 - (await sign(key, goodClaims({ note: '' }))).length;
    const fits = await sign(key, goodClaims({ note: 'x'.repeat(Math.floor((room * 3) / 4) - 2) }));
    expect(fits.length).toBeGreaterThan(8180);
    expect(await authenticate(fits)).toBe('ok');
    expect(await authenticate(await sign(key, goodClaims({ note: 'x'.repeat(6200) })))).toBe(
      'AUTH_ERROR too-large',
    );
  });

  it('answers AUTH_ERROR to whatever is sent', async () => {
    const part = fc.oneof(fc.string().map(encodePart), fc.json().map(encodePart), fc.base64String());
    const claims = fc.dictionary(
      fc.constantFrom('iss', 'aud', 'exp', 'iat', 'nbf', 'sub', 'sid'),
      fc.jsonValue(),
    );
    const token = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { minLength: 3, maxLength: 3 }).map((parts) => parts.join('.')),
      fc
        .tuple(fc.jsonValue(), claims)
        .map(
          ([header, changes]) =>
            `${encodePart({ alg: 'ES256', ...Object(header) })}.${encodePart(goodClaims(changes))}.AAAA`,
        ),
    );
    await fc.assert(
      fc.asyncProperty(token, async (hostile) => {
        expect(await authenticate(hostile)).toMatch(/^AUTH_ERROR [a-z-]+$/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('an error', () => {
  it('tells nothing of the token, at any depth', async () => {
    const secret = 'c2VjcmV0LXBheWxvYWQ';
    for (const token of [
      `${secret}.${secret}.${secret}`,
      secret,
      await sign(stranger, goodClaims({ note: secret })),
    ]) {
      const error: unknown = await authenticator()
        .authenticate(token)
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ProtocolError);
      const text = inspect(error, { depth: 10, showHidden: true });
      for (const part of [...token.split('.'), 'secret-payload']) expect(text).not.toContain(part);
    }
  });

  it('is passed on when it is not about the token', async () => {
    const broken: KeySource = { start() {}, stop() {}, getKey: () => Promise.reject(new Error('our bug')) };
    await expect(authenticator({ keys: broken }).authenticate(await sign(key))).rejects.toThrow('our bug');
  });

  it('of a hopeless token comes before a key is looked for', async () => {
    let asked = 0;
    const counting: KeySource = { ...keys, getKey: (header) => ((asked += 1), keys.getKey(header)) };
    expect(await authenticate(await sign(key, goodClaims({ exp: 1 })), { keys: counting })).toBe(
      'AUTH_ERROR expired',
    );
    expect(asked).toBe(0);
  });
});
