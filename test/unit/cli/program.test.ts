import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { describeFailure } from '../../../src/cli/failure.js';
import { createProgram, run } from '../../../src/cli/program.js';
import { settingNames } from '../../../src/config.js';
import { OperatorError } from '../../../src/errors.js';

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-cli-'));
});
afterAll(() => rm(dataDir, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

async function hashi(args: string[], env: Record<string, string> = {}) {
  for (const name of [...settingNames, ...Object.keys(env)]) {
    vi.stubEnv(name, { HASHI_DATA_DIR: dataDir, NODE_ENV: 'test', ...env }[name]);
  }
  let out = '';
  let err = '';
  const code = await run(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err };
}

describe('the command line', () => {
  it('has help and version everywhere', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    const commands = createProgram().commands.map((command) => [command.name()]);
    expect(commands.length).toBeGreaterThanOrEqual(3);
    for (const command of [[], ...commands]) {
      expect(await hashi([...command, '--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
      const help = await hashi([...command, '--help']);
      expect(help).toMatchObject({ code: 0, err: '' });
      expect(help.out).toMatch(/^Usage: hashi-socket/);
      if (command.length > 0) expect(help.out).toMatch(/\nExamples:\n {2}\$ .*hashi-socket/);
    }
  });

  it.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['--nonsense'], "unknown option '--nonsense'"],
    [['token'], "required option '--player <id>'"],
    [['token', '--player', ' '], 'must not be empty'],
    [['token', '--player', 'a', '--expires-in', 'soon'], 'whole number of seconds'],
    [['token', '--player', 'a', 'b'], 'too many arguments'],
    [['config', '--jsno'], 'Did you mean --json?'],
  ])('exits 2 on wrong usage: %j', async (args, message) => {
    const { code, out, err } = await hashi(args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(message);
    expect(err).toContain('--help');
  });

  it('repeats nothing as a program of what is typed after an option that there is not', () => {
    const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', main, 'tail', '--tokn=open-sesame', pasted['a token']],
      { env: { PATH: process.env.PATH ?? '' }, encoding: 'utf8' },
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^error: unknown option '--tokn=…'\n/);
    expect(stderr).not.toMatch(giveaways);
  });

  it('runs as a program, with its exit code and its output on the right streams', () => {
    const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
    const env = { PATH: process.env.PATH ?? '', HASHI_DATA_DIR: dataDir, PORT: 'x' };
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', main, 'config'], {
      env,
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^hashi-socket: PORT is "x"/);
  });
});

/** What people paste into the wrong place. */
const pasted = {
  'a token': 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJvcGVuLXNlc2FtZSJ9.b3Blbi1zZXNhbWU',
  'a URL of a database': 'postgres://app:open-sesame@db.example:5432/app',
  'a presigned URL': 'https://bucket.example/key?X-Amz-Credential=open-sesame&X-Amz-Signature=open-sesame',
};
/** Words that stand in them and must not come back. */
const giveaways = /open-sesame|eyJhbG|b3Blbi1zZXNhbWU|X-Amz/;

describe.each(Object.entries(pasted))('%s in the wrong place', (_what, secret) => {
  it.each([
    'SECRET',
    '--SECRET',
    '--tokn=SECRET',
    'config --jsno=SECRET',
    'tail SECRET',
    'tail --since SECRET',
    'tail --type SECRET',
    'why SECRET player-1',
    'token --player a --expires-in SECRET',
  ])('is not repeated: %s', async (line) => {
    const { code, out, err } = await hashi(line.split(' ').map((word) => word.replace('SECRET', secret)));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^error: /);
    expect(err).not.toMatch(giveaways);
  });

  it('is not repeated as the value of a setting', async () => {
    const { code, err } = await hashi(['config'], { PORT: secret, HASHI_DRAIN_MS: secret });
    expect(code).toBe(1);
    expect(err).toMatch(/PORT is "/);
    expect(err).not.toMatch(giveaways);
  });
});

describe('token', () => {
  it('prints a token for the player, and nothing else', async () => {
    const { code, out, err } = await hashi(['token', '--player', 'did:privy:alice']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const claims = decodeJwt(out.trim());
    expect(claims).toMatchObject({ sub: 'did:privy:alice', iss: 'privy.io' });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(86_400);
  });

  it('prints JSON, and takes how long it is valid, also less than nothing', async () => {
    const { out } = await hashi(['token', '--player', 'a', '--expires-in', '-60', '--json']);
    const { token, playerId, expiresAt } = JSON.parse(out);
    expect(playerId).toBe('a');
    expect(Date.parse(expiresAt)).toBeLessThan(Date.now());
    const { exp = 0, iat = 0 } = decodeJwt(token);
    expect(exp - iat).toBe(-60);
  });

  it('is refused outside development mode, without asking the key server', async () => {
    const { code, out, err } = await hashi(['token', '--player', 'a'], {
      AUTH_JWKS_URL: 'https://keys.invalid/jwks',
      AUTH_AUDIENCE: 'app',
    });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/development mode alone/);
  });
});

describe('config', () => {
  it('gives every setting with its value and its source', async () => {
    const { code, out } = await hashi(['config', '--json'], { PORT: '0', ALLOWED_ORIGINS: '*' });
    const shown = JSON.parse(out);
    expect(code).toBe(0);
    expect(Object.keys(shown)).toEqual([...settingNames]);
    expect(shown).toMatchObject({
      PORT: { value: 0, source: 'environment' },
      HOST: { value: '127.0.0.1', source: 'default' },
      ALLOWED_ORIGINS: { value: ['*'], source: 'environment' },
      DATABASE_URL: { value: null, source: 'default' },
      NODE_ENV: { value: 'development', source: 'environment' },
    });
  });

  it('hides credentials unless it is told to show them', async () => {
    const env = {
      DATABASE_URL: 'postgres://user:hunter2@db.example/app?sslmode=require&sslpassword=hunter2',
      HASHI_METRICS_TOKEN: 'hunter2hunter2',
      AUTH_JWKS_URL: 'https://user:hunter2@keys.example/jwks',
      AUTH_AUDIENCE: 'app',
    };
    for (const args of [['config'], ['config', '--json']]) {
      const { code, out } = await hashi(args, env);
      expect(code).toBe(0);
      expect(out).not.toContain('hunter2');
      expect(out).toContain('postgres://user:***@db.example/app?sslmode=require&sslpassword=***');
    }
    const shown = JSON.parse((await hashi(['config', '--json', '--show-secrets'], env)).out);
    expect(shown.DATABASE_URL).toEqual({ value: env.DATABASE_URL, source: 'environment' });
    expect(shown.HASHI_METRICS_TOKEN.value).toBe(env.HASHI_METRICS_TOKEN);
  });

  it('checks: valid settings, wrong ones, a key that cannot be read', async () => {
    expect(await hashi(['config', '--check'])).toEqual({
      code: 0,
      out: 'The settings are valid.\n',
      err: '',
    });
    expect((await hashi(['config', '--check'], { PORT: 'x' })).code).toBe(1);
    const badKey = await hashi(['config', '--check'], { AUTH_PUBLIC_KEY: 'nonsense', AUTH_AUDIENCE: 'app' });
    expect(badKey.code).toBe(1);
    expect(badKey.err).toContain('AUTH_PUBLIC_KEY');
  });

  it('warns about unknown names beside the output, not in it', async () => {
    const { code, out, err } = await hashi(['config', '--json'], { HASHI_PROT: '1' });
    expect(code).toBe(0);
    expect(JSON.parse(out)).not.toHaveProperty('HASHI_PROT');
    expect(err).toBe('warning: HASHI_PROT is not a setting, did you mean PORT?\n');
  });
});

describe('describeFailure', () => {
  it("gives the operator's errors as they are, and a hint with others", () => {
    expect(describeFailure(new OperatorError('Do this'))).toBe('hashi-socket: Do this.\n');
    expect(describeFailure(new OperatorError('Do that.'))).toBe('hashi-socket: Do that.\n');
    const text = describeFailure(new Error('failed at postgres://u:hunter2@db'));
    expect(text).toMatch(/^hashi-socket: failed at .*\nThis was not expected/);
    expect(text).not.toContain('hunter2');
  });
});
