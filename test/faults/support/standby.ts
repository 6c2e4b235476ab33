/** A streaming standby of an embedded Postgres, to be promoted. */
import { execFile } from 'node:child_process';
import { appendFile, chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { findBinaries } from '../../../src/database/binaries.js';
import { connectClient } from '../../../src/database/client.js';
import { settingsOf, writeSettings } from '../../../src/database/cluster-settings.js';
import { end, launch } from '../../../src/database/postmaster.js';
import { whoRunsPostgres } from '../../../src/database/unprivileged.js';
import { freePort } from './ports.js';

export interface Standby {
  readonly url: string;
  /** Of its postmaster, which changes with every `restart`. */
  readonly pid: number;
  /** Resolves when it takes writes. */
  promote(): Promise<void>;
  /** Ends it without a goodbye and starts it again; resolves when it answers. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Copies the cluster of a primary that runs and starts it as its standby, which follows by `replicationUrl`.
 * @param primary a superuser's connection to it
 */
export async function startStandby(
  primary: pg.ClientBase,
  replicationUrl: string,
  overrides: Record<string, string> = {},
): Promise<Standby> {
  const place = await mkdtemp(join(tmpdir(), 'hashi-test-standby-'));
  await chmod(place, 0o711);
  const cluster = join(place, 'postgres');
  const { rows } = await primary.query<{ directory: string }>(
    `select current_setting('data_directory') as directory`,
  );
  const source = rows[0]?.directory ?? '';
  // A copy of files that are being written, as pg_basebackup makes one: made whole by the log of the time between.
  await primary.query(`select pg_backup_start('standby', true)`);
  await promisify(execFile)('cp', ['-a', source, cluster]);
  const backup = await primary.query<{ label: string }>(
    `select labelfile as label from pg_backup_stop(false)`,
  );
  const runAs = await whoRunsPostgres(cluster);
  await rm(join(cluster, 'postmaster.pid'));
  await rm(join(cluster, 'postmaster.opts'), { force: true });
  await writeFile(join(cluster, 'backup_label'), backup.rows[0]?.label ?? '');
  await writeFile(join(cluster, 'standby.signal'), '');
  const { uid, gid } = await stat(cluster);
  for (const name of ['backup_label', 'standby.signal']) await chown(join(cluster, name), uid, gid);
  const { hostname, port: from, username, password } = new URL(replicationUrl);
  await appendFile(
    join(cluster, 'postgresql.auto.conf'),
    `\nprimary_conninfo = 'host=${hostname} port=${from} user=${username} password=${decodeURIComponent(password)}'\n`,
  );
  const port = await freePort();
  const binaries = await findBinaries(place, runAs);
  const settings = settingsOf('test', {
    ...overrides,
    port: String(port),
    wal_retrieve_retry_interval: '100ms',
  });
  const settingsFile = await writeSettings(place, cluster, settings);
  let over = false;
  const start = async () => {
    const started = await launch({
      binaries,
      runAs,
      cluster,
      settingsFile,
      logFile: join(place, 'postgres.log'),
    });
    over = false;
    const gone = started.exited.then(() => void (over = true));
    return { pid: started.pid, gone };
  };
  let postmaster = await start();
  const url = new URL(replicationUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  const ask = async (sql: string) => {
    for (;;) {
      try {
        const client = await connectClient({
          url: url.href,
          applicationName: 'standby',
          connectTimeoutMs: 2000,
        });
        try {
          return (await client.query<Record<string, unknown>>(sql)).rows[0];
        } finally {
          await client.end();
        }
      } catch (error) {
        if (over) throw new Error('the standby has ended', { cause: error });
        await sleep(50);
      }
    }
  };
  const stop = async () => {
    if (!over) await end(postmaster.pid, binaries);
    await rm(place, { recursive: true, force: true });
  };
  try {
    await ask('select 1');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: url.href,
    get pid() {
      return postmaster.pid;
    },
    promote: async () => {
      await ask('select pg_promote(true, 60)');
    },
    async restart() {
      process.kill(postmaster.pid, 'SIGQUIT');
      await postmaster.gone;
      postmaster = await start();
      await ask('select 1');
    },
    stop,
  };
}
