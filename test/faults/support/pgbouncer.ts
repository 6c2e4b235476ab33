/** A real PgBouncer in front of a database. */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectClient } from '../../../src/database/client.js';
import { spawnIds, whoRunsPostgres } from '../../../src/database/unprivileged.js';
import { freePort } from './ports.js';

export interface PgBouncer {
  /** The database's URL, by way of it. */
  readonly url: string;
  stop(): Promise<void>;
}

export async function startPgBouncer(
  databaseUrl: string,
  mode: 'session' | 'transaction',
): Promise<PgBouncer> {
  const { hostname, port, username, password } = new URL(databaseUrl);
  const directory = await mkdtemp(join(tmpdir(), 'hashi-test-pgbouncer-'));
  const listenPort = await freePort();
  const file = join(directory, 'pgbouncer.ini');
  await chmod(directory, 0o755);
  await writeFile(
    file,
    `[databases]
* = host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 20
`,
    { mode: 0o644 },
  );
  // It refuses to run as root, as Postgres does.
  const child = spawn('pgbouncer', [file], {
    ...spawnIds(await whoRunsPostgres(directory)),
    cwd: '/',
    env: { PATH: [process.env['PATH'], '/usr/sbin'].join(delimiter) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      said += error.message;
      resolve();
    });
  });
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(directory, { recursive: true, force: true });
  };
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(listenPort);
  let over = false;
  void exited.then(() => (over = true));
  for (;;) {
    try {
      await (await connectClient({ url: url.href, applicationName: 'test' })).end();
      return { url: url.href, stop };
    } catch (error) {
      if (over) {
        await stop();
        throw new Error(`PgBouncer did not start: ${said}`, { cause: error });
      }
      await sleep(20);
    }
  }
}
