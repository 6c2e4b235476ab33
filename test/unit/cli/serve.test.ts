import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { banner } from '../../../src/cli/banner.js';

const fixture = fileURLToPath(new URL('fixtures/serve.ts', import.meta.url));
let child: ChildProcess | undefined;

afterEach(() => {
  if (child?.exitCode === null) child.kill('SIGKILL');
});

function start(mode: string, env: Record<string, string> = {}) {
  const started = spawn(process.execPath, ['--import', 'tsx', fixture, mode], {
    env: { PATH: process.env.PATH ?? '', LOG_FORMAT: 'json', ...env },
    stdio: 'pipe',
  });
  child = started;
  const text = { out: '', err: '' };
  const exited = once(started, 'close').then(([code]) => code as number | null);
  started.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk));
  started.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk));
  return {
    text,
    exited,
    kill: (signal: NodeJS.Signals) => started.kill(signal),
    finish: () => started.stdin.end('finish\n'),
    /** Resolves when standard output or the log holds this. */
    async shows(wanted: string) {
      while (!(text.out + text.err).includes(wanted)) {
        await Promise.race([
          once(started.stdout, 'data'),
          once(started.stderr, 'data'),
          exited.then(() => {
            if (!(text.out + text.err).includes(wanted))
              throw new Error(`ended without: ${wanted}\n${text.err}`);
          }),
        ]);
      }
    },
  };
}

describe('serve', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('drains on %s and exits 0', async (signal) => {
    const server = start('ok');
    await server.shows('psql');
    server.kill(signal);
    await server.shows('draining');
    server.finish();
    expect(await server.exited).toBe(0);
    expect(server.text.out).toContain('drained');
    expect(server.text.err).toContain(`"signal":"${signal}"`);
  });

  it('takes the same Ctrl-C that arrives twice for one', async () => {
    const server = start('still');
    await server.shows('psql');
    server.kill('SIGINT');
    await server.shows('draining');
    server.kill('SIGINT');
    server.finish();
    expect(await server.exited).toBe(0);
    expect(server.text.out.match(/draining/g)).toHaveLength(1);
  });

  it('exits 0 when the signal comes while it starts', async () => {
    const server = start('starting');
    await server.shows('starting');
    server.kill('SIGTERM');
    await server.shows('draining');
    server.finish();
    expect(await server.exited).toBe(0);
    expect(server.text.out).not.toContain('psql');
  });

  it.each([
    ['throw', 'uncaught exception', 'Cannot read properties of undefined'],
    ['reject', 'unhandled rejection', 'nobody waits for this'],
  ])('logs a bug (%s) and exits 1', async (mode, kind, message) => {
    const server = start(mode);
    expect(await server.exited).toBe(1);
    const entry = server.text.err.split('\n').find((line) => line.includes('fatal')) ?? '{}';
    expect(JSON.parse(entry)).toMatchObject({
      level: 'fatal',
      err: { message: expect.stringContaining(message) },
    });
    expect(JSON.parse(entry).msg).toContain(kind);
    expect(server.text.err).not.toContain('hunter2');
  });

  it('says in one line what the operator has to mend, and exits 1', async () => {
    const server = start('refuse');
    expect(await server.exited).toBe(1);
    expect(server.text.err).toBe('hashi-socket: The port is taken: set PORT to another.\n');
    expect(server.text.out).toBe('');
  });

  it('refuses wrong settings before it loads the server', async () => {
    const server = start('ok', { PORT: 'abc' });
    expect(await server.exited).toBe(1);
    expect(server.text.err).toMatch(/^hashi-socket: PORT is "abc" .*, for example PORT=3000\.\n$/);
  });

  it('warns in the log about names it does not know', async () => {
    const server = start('ok', { HASHI_DRAIN: '1' });
    await server.shows('psql');
    await server.shows('did you mean HASHI_DRAIN_MS?');
  });
});

describe('the banner', () => {
  const url = 'http://127.0.0.1:41234';

  it('has the console, a raw client and SQL to paste in development', () => {
    const text = banner({
      url,
      developmentToken: 'a.b',
      databaseUrl: 'postgres://hashi:pw@127.0.0.1:1/hashi',
      embedded: true,
    });
    expect(text).toContain(`${url}/#token=a.b`);
    expect(text).toContain('ws://127.0.0.1:41234/?token=a.b');
    expect(text).toContain("psql 'postgres://hashi:pw@127.0.0.1:1/hashi'");
  });

  it("does not print the password of the operator's own database", () => {
    const text = banner({
      url,
      developmentToken: 'a.b',
      databaseUrl: 'postgres://u:hunter2@db/app',
      embedded: false,
    });
    expect(text).toContain('psql "$DATABASE_URL"');
    expect(text).not.toContain('hunter2');
  });

  it('says where it listens, and no more, with tokens of a real issuer', () => {
    expect(banner({ url, databaseUrl: 'postgres://u:hunter2@db/app', embedded: false })).toBe(
      `hashi-socket listens on ${url}\n`,
    );
  });
});
