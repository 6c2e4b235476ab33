/** Development mode: one key in the data directory, and tokens minted with it that are taken. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../../src/auth/authenticator.js';
import { createDevelopmentAuth } from '../../../src/auth/development.js';
import { OperatorError } from '../../../src/errors.js';
import { nowSeconds, outcome } from './support.js';

let dataDir: string;
let keyPath: string;

beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'hashi-auth-')), 'data');
  keyPath = join(dataDir, 'development-key.json');
});

afterEach(() => rm(join(dataDir, '..'), { recursive: true, force: true }));

describe('mint', () => {
  it('makes a token of Privy’s shape that is taken', async () => {
    const { authenticator, mint } = await createDevelopmentAuth(dataDir);
    const token = await mint({ playerId: 'player-1' });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ iss: 'privy.io', aud: 'hashi-development', sub: 'player-1' });
    expect(Number(claims.exp) - Number(claims.iat)).toBe(24 * 3600);
    const identity = await createAuthenticator(authenticator).authenticate(token);
    expect(identity).toMatchObject({ playerId: 'player-1', sessionId: claims['sid'] });
  });

  it('gives every token its own session', async () => {
    const { mint } = await createDevelopmentAuth(dataDir);
    const [one, two] = await Promise.all([mint({ playerId: 'p' }), mint({ playerId: 'p' })]);
    expect(decodeJwt(one)['sid']).not.toBe(decodeJwt(two)['sid']);
  });

  it('can make one that runs out when asked, or has already', async () => {
    const { authenticator, mint } = await createDevelopmentAuth(dataDir);
    const { expiresAt } = await createAuthenticator(authenticator).authenticate(
      await mint({ playerId: 'p', expiresInSeconds: 60 }),
    );
    expect(Math.abs(expiresAt / 1000 - nowSeconds() - 60)).toBeLessThanOrEqual(30);
    const over = await mint({ playerId: 'p', expiresInSeconds: -60 });
    expect(await outcome(createAuthenticator(authenticator).authenticate(over))).toBe('AUTH_ERROR expired');
  });
});

describe('the key', () => {
  it('is for the owner’s eyes, and the only file', async () => {
    await createDevelopmentAuth(dataDir);
    expect((await stat(keyPath)).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(['development-key.json']);
  });

  it('stays the same from start to start, and differs between directories', async () => {
    const { mint } = await createDevelopmentAuth(dataDir);
    const token = await mint({ playerId: 'p' });
    const again = await createDevelopmentAuth(dataDir);
    const elsewhere = await createDevelopmentAuth(join(dataDir, 'elsewhere'));
    expect(await outcome(createAuthenticator(again.authenticator).authenticate(token))).toBe('ok');
    expect(await outcome(createAuthenticator(elsewhere.authenticator).authenticate(token))).toBe(
      'AUTH_ERROR signature',
    );
  });

  it('is agreed on by starts at the same moment', async () => {
    const many = await Promise.all(Array.from({ length: 20 }, () => createDevelopmentAuth(dataDir)));
    const tokens = await Promise.all(many.map(({ mint }) => mint({ playerId: 'p' })));
    for (const { authenticator } of many) {
      const outcomes = tokens.map((token) => outcome(createAuthenticator(authenticator).authenticate(token)));
      expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['ok']));
    }
    expect(await readdir(dataDir)).toEqual(['development-key.json']);
  });

  it('is agreed on by processes', async () => {
    const module = new URL('../../../src/auth/development.ts', import.meta.url).href;
    const script = `
      const { createDevelopmentAuth } = await import(${JSON.stringify(module)});
      const { mint } = await createDevelopmentAuth(process.argv[1]);
      process.stdout.write(await mint({ playerId: 'p' }));`;
    const run = () =>
      promisify(execFile)(process.execPath, [
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        script,
        dataDir,
      ]);
    const [one, two] = await Promise.all([run(), run()]);
    const { authenticator } = await createDevelopmentAuth(dataDir);
    for (const { stdout } of [one, two]) {
      expect(await outcome(createAuthenticator(authenticator).authenticate(stdout))).toBe('ok');
    }
  });

  it.each([
    ['is empty', () => ''],
    ['is cut short', (text: string) => text.slice(0, 60)],
    ['has lost its private part', (text: string) => text.replace('"d"', '"e"')],
    ['has wrong numbers', (text: string) => text.replace(/"x":"[^"]+"/, '"x":"AAAA"')],
  ])('that %s: the operator is told which file, and none of the key', async (_what, damage) => {
    await createDevelopmentAuth(dataDir);
    const text = await readFile(keyPath, 'utf8');
    await writeFile(keyPath, damage(text));
    const error: unknown = await createDevelopmentAuth(dataDir).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OperatorError);
    expect(String(error)).toContain(`${keyPath} is damaged: delete it`);
  });

  it('that cannot be written: the operator is told the reason', async () => {
    await writeFile(dataDir, 'a file in the way');
    await expect(createDevelopmentAuth(dataDir)).rejects.toThrow(
      /cannot be used \(ENOTDIR\): check the rights/,
    );
  });
});
