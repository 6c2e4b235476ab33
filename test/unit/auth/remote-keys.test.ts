/** The key server may rotate, fall over, dawdle or talk nonsense: known keys go on working, and it is spared. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../../src/auth/authenticator.js';
import { createRemoteKeys, type RemoteKeysOptions } from '../../../src/auth/remote-keys.js';
import type { KeySource } from '../../../src/auth/keys.js';
import { KeyServer, makeTestKey, outcome, sign, type TestKey } from './support.js';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

let first: TestKey;
let next: TestKey;
let firstToken: string;
let nextToken: string;
let server: KeyServer;
let sources: KeySource[];
let clock: number;

beforeAll(async () => {
  [first, next] = await Promise.all([makeTestKey('first'), makeTestKey('next')]);
  [firstToken, nextToken] = await Promise.all([sign(first), sign(next)]);
});

beforeEach(async () => {
  sources = [];
  clock = 0;
  server = await KeyServer.listen(first);
});

afterEach(async () => {
  for (const source of sources) source.stop();
  await server.close();
});

/** Tries tokens against one key source; time passes only when the test says so. */
function connect(options: Partial<RemoteKeysOptions> = {}) {
  const keys = createRemoteKeys({ url: server.url, algorithms: ['ES256'], now: () => clock, ...options });
  sources.push(keys);
  const authenticator = createAuthenticator({
    mode: 'jwks',
    keys,
    issuer: 'privy.io',
    audience: ['app'],
    algorithms: ['ES256'],
  });
  return { keys, attempt: (token: string) => outcome(authenticator.authenticate(token)) };
}

/** What is slow is waited for in vain; nobody else may be cut off because this machine is busy. In milliseconds. */
const patience = (what: string): number => (what === 'is slow' ? 1000 : 10_000);

/** How the server may fail, each with the word the error must contain. */
const failures: [string, (server: KeyServer) => void, RegExp][] = [
  ['is down', (it) => it.breakOff(), /gave no answer/],
  ['is slow', (it) => it.hang(), /timeout/],
  ['answers 500', (it) => it.reply(500, 'oops'), /answered 500/],
  ['answers HTML', (it) => it.reply(200, '<html>'), /not answer with a key set/],
  ['answers null', (it) => it.reply(200, 'null'), /not answer with a key set/],
  ['answers without keys', (it) => it.reply(200, '{"keys":{}}'), /not answer with a key set/],
  ['answers with no key', (it) => it.reply(200, '{"keys":[]}'), /no key for ES256/],
  [
    'answers with rubbish for keys',
    (it) => it.reply(200, '{"keys":[null,1,"x",{},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}'),
    /no key for ES256/,
  ],
  [
    'answers with too many keys',
    (it) => it.reply(200, JSON.stringify({ keys: Array(101).fill({}) })),
    /not answer with a key set/,
  ],
  ['never stops answering', (it) => it.flood(), /more than 262144 bytes/],
  [
    'answers with little that becomes much',
    (it) => it.reply(200, gzipSync(Buffer.alloc(64 << 20, ' ')), { 'content-encoding': 'gzip' }),
    /more than 262144 bytes/,
  ],
  ['sends elsewhere', (it) => it.reply(302, '', { location: '/other' }), /gave no answer/],
];

describe('a known key', () => {
  it('is fetched once, however many clients come at once', async () => {
    const { attempt } = connect();
    const outcomes = await Promise.all(Array.from({ length: 5_000 }, () => attempt(firstToken)));
    expect(new Set(outcomes)).toEqual(new Set(['ok']));
    expect(server.requests).toBe(1);
  });

  it('is fetched before the first client when started', async () => {
    const { keys, attempt } = connect();
    keys.start();
    keys.start();
    expect(await attempt(firstToken)).toBe('ok');
    expect(server.requests).toBe(1);
  });

  it('is used while the set is fetched again after ten minutes', async () => {
    const { attempt } = connect();
    await attempt(firstToken);
    clock += 10 * minute - 1;
    await attempt(firstToken);
    expect(server.requests).toBe(1);
    clock += 1;
    server.hang();
    expect(await attempt(firstToken)).toBe('ok');
    expect(await attempt(firstToken)).toBe('ok');
    await expect.poll(() => server.requests).toBe(2);
  });

  it('that was withdrawn is not trusted after an idle night', async () => {
    const { attempt } = connect();
    await attempt(firstToken);
    server.publish(next);
    clock += 8 * hour;
    expect(await attempt(firstToken)).toBe('AUTH_ERROR unknown-key');
    expect(server.requests).toBe(2);
  });

  it.each(failures)('goes on working when the server %s', async (what, fail, reason) => {
    const errors: Error[] = [];
    const { keys, attempt } = connect({ timeoutMs: patience(what), onError: (error) => errors.push(error) });
    await attempt(firstToken);
    fail(server);
    clock += 8 * hour;
    expect(await attempt(firstToken)).toBe('ok');
    expect(await attempt(nextToken)).toBe('AUTH_UNAVAILABLE');
    expect(keys.lastError?.message).toMatch(reason);
    expect(errors).toEqual([keys.lastError]);
    expect(server.requests).toBe(2);

    clock += 16 * hour - 1;
    expect(await attempt(firstToken)).toBe('ok');
    clock += 1;
    expect(await attempt(firstToken)).toBe('AUTH_UNAVAILABLE');

    server.publish(first);
    clock += minute;
    expect(await attempt(firstToken)).toBe('ok');
    expect(keys.lastError).toBeUndefined();
    expect(await attempt(nextToken)).toBe('AUTH_ERROR unknown-key');
  });

  it('makes nobody wait for a server that has failed already', async () => {
    const { attempt } = connect({ timeoutMs: hour });
    await attempt(firstToken);
    server.breakOff();
    clock += 8 * hour;
    await attempt(firstToken);
    server.hang();
    clock += minute;
    expect(await attempt(firstToken)).toBe('ok');
    await expect.poll(() => server.requests).toBe(3);
  });
});

describe('an unknown key', () => {
  it('is found at once when it was rotated in', async () => {
    const { attempt } = connect();
    await attempt(firstToken);
    server.publish(first, next);
    expect(await attempt(nextToken)).toBe('ok');
    expect(await attempt(firstToken)).toBe('ok');
    expect(server.requests).toBe(2);
  });

  it('takes the withdrawn one out when the set is fetched for it', async () => {
    const { attempt } = connect();
    await attempt(firstToken);
    server.publish(next);
    expect(await attempt(nextToken)).toBe('ok');
    expect(await attempt(firstToken)).toBe('AUTH_ERROR unknown-key');
  });

  it('costs one request in 30 s, however many clients ask with however many names', async () => {
    const { attempt } = connect();
    await attempt(firstToken);
    const forged = await Promise.all(
      Array.from({ length: 50 }, (_, i) => sign(next, undefined, { kid: `k${i}` })),
    );
    for (let elapsed = 0; elapsed < 10; elapsed += 1) {
      const outcomes = await Promise.all(
        Array.from({ length: 500 }, (_, i) => attempt(forged[i % 50] ?? '')),
      );
      expect(new Set(outcomes)).toEqual(new Set(['AUTH_ERROR unknown-key']));
      clock += second;
    }
    expect(server.requests).toBe(2);

    clock += 20 * second - 1;
    await attempt(nextToken);
    expect(server.requests).toBe(2);
    clock += 1;
    server.publish(first, next);
    expect(await attempt(nextToken)).toBe('ok');
    expect(server.requests).toBe(3);
  });

  it.each(failures)(
    'is AUTH_UNAVAILABLE when the server %s, and it is asked few times',
    async (what, fail) => {
      const { attempt } = connect({ timeoutMs: patience(what) });
      fail(server);
      for (let elapsed = 0; elapsed < 10; elapsed += 1) {
        const outcomes = await Promise.all(Array.from({ length: 500 }, () => attempt(firstToken)));
        expect(new Set(outcomes)).toEqual(new Set(['AUTH_UNAVAILABLE']));
        clock += second;
      }
      // At 0, 1, 3 and 7 s.
      expect(server.requests).toBe(4);

      server.publish(first);
      clock += 30 * second;
      expect(await attempt(firstToken)).toBe('ok');
    },
  );

  it('is found a second after a failure, when the server is back by then', async () => {
    const { attempt } = connect();
    await attempt(firstToken);
    server.breakOff();
    expect(await attempt(nextToken)).toBe('AUTH_UNAVAILABLE');
    server.publish(first, next);
    clock += second;
    expect(await attempt(nextToken)).toBe('ok');
  });

  it('is given up on in time by a silent server, though memory is collected meanwhile', async () => {
    server.hang();
    const { attempt } = connect({ timeoutMs: 300 });
    const waiting = attempt(firstToken);
    await expect.poll(() => server.requests).toBe(1);
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    expect(await waiting).toBe('AUTH_UNAVAILABLE');
  });

  it('is asked for at most every 30 s through a long outage', async () => {
    const { attempt } = connect();
    server.breakOff();
    for (let elapsed = 0; elapsed < 600; elapsed += 1) {
      await attempt(firstToken);
      clock += second;
    }
    expect(server.requests).toBeLessThanOrEqual(5 + 600 / 30);
  });
});

describe('the rest of the set', () => {
  it.each<[string, Record<string, unknown>]>([
    ['keys for encryption', { use: 'enc' }],
    ['keys for signing only', { key_ops: ['sign'] }],
    ['keys for another algorithm', { alg: 'ES384' }],
    ['keys of another curve', { crv: 'P-384' }],
    ['keys off the curve', { x: 'AAAA' }],
    ['symmetric keys', { kty: 'oct', k: 'AAAA' }],
    ['names that are no text', { kid: 7 }],
  ])('leaves out %s', async (_what, changes) => {
    const { attempt } = connect();
    const bad = { ...next.jwk, ...changes };
    server.reply(200, JSON.stringify({ keys: [bad, first.jwk] }));
    expect(await attempt(firstToken)).toBe('ok');
    expect(await attempt(nextToken)).toBe('AUTH_ERROR unknown-key');
  });

  it('takes a token without kid when one key fits, and none when two do', async () => {
    const anonymous = await sign(first, undefined, { kid: undefined });
    const { attempt } = connect();
    expect(await attempt(anonymous)).toBe('ok');
    server.publish(first, next);
    clock += hour;
    expect(await attempt(anonymous)).toBe('AUTH_ERROR unknown-key');
  });
});

describe('stop', () => {
  it('ends a request under way, is no error, and can be called twice', async () => {
    server.hang();
    const { keys, attempt } = connect();
    const waiting = attempt(firstToken);
    await expect.poll(() => server.requests).toBe(1);
    keys.stop();
    keys.stop();
    expect(await waiting).toBe('AUTH_UNAVAILABLE');
    expect(keys.lastError).toBeUndefined();
    await attempt(firstToken);
    expect(server.requests).toBe(1);
  });
});
