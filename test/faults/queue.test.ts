/** What happens when a foreign session lets the notification queue fill up: all commits that notify would fail. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectClient } from '../../src/database/client.js';
import { startEmbedded, type EmbeddedPostgres } from '../../src/database/embedded.js';
import { run } from '../support/child.js';
import { startServer, type TestServer } from '../support/server.js';
import { expectServed, summonWitnesses, type Witnesses } from './support/witnesses.js';

let dataDir: string;
let postgres: EmbeddedPostgres;
let servers: TestServer[];
let witnesses: Witnesses[];
let service: pg.Client;
let sleeper: pg.Client;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-queue-'));
  // The least there can be: half a megabyte.
  postgres = await startEmbedded({ dataDir, tuning: 'test', settings: { max_notify_queue_pages: '64' } });
  service = await connectClient({ url: postgres.url, applicationName: 'service' });
  // The queue is everybody's, whatever the database.
  await service.query('create database elsewhere');
  const elsewhere = new URL(postgres.url);
  elsewhere.pathname = '/elsewhere';
  sleeper = await connectClient({ url: elsewhere.href, applicationName: 'sleeper' });
  servers = [await startServer(postgres.url)];
  witnesses = [await summonWitnesses(servers[0]!)];
});
afterAll(async () => {
  for (const witness of witnesses) witness.close();
  await Promise.all(servers.map((server) => server.stop()));
  await service.end();
  await sleeper.end();
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const usage = async () =>
  (await service.query<{ usage: number }>('select pg_notification_queue_usage() as usage')).rows[0]?.usage ??
  0;
const written: string[] = [];
async function write(): Promise<void> {
  const { rows } = await service.query<{ id: string }>('insert into contracts default values returning id');
  written.push(rows[0]?.id ?? '');
}
const everyoneHas = () => Promise.all(witnesses.map((witness) => witness.expectAll(written)));
const metric = async (): Promise<number> => {
  const text = await (await fetch(`${servers[1]!.url}/metrics`)).text();
  return Number(/^hashi_notification_queue_usage_ratio (\S+)/m.exec(text)?.[1]);
};

it(
  'alarms while somebody else fills the queue, writes and tells on, and is never the reason itself',
  { timeout: 60_000 },
  async () => {
    // Whoever listens holds the queue back for as long as a transaction of its is open: ours must have none.
    let lingered = 0;
    let watching = true;
    const watch = (async () => {
      const watcher = await connectClient({ url: postgres.url, applicationName: 'watcher' });
      while (watching) {
        const { rowCount } = await watcher.query(
          `select from pg_stat_activity where application_name in ('hashi-socket listener', 'hashi-socket adapter') and state like 'idle in transaction%'`,
        );
        lingered += rowCount ?? 0;
      }
      await watcher.end();
    })();
    await sleeper.query('listen anything');
    await sleeper.query('begin');
    await write();
    await everyoneHas();

    const fill = async (to: number) => {
      for (let turn = 0; (await usage()) < to; turn++) {
        // Postgres drops what is said twice in one transaction.
        await service.query(`select pg_notify('anything', $1)`, [`${turn} ${'x'.repeat(7900)}`]);
      }
    };
    await fill(0.6);
    // It looks at its start, and every ten seconds.
    servers.push(await startServer(postgres.url));
    await expect.poll(metric).toBeGreaterThan(0.5);
    expect(servers[1]!.logs.join('')).toContain('the notification queue of Postgres fills up');
    const doctor = run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'doctor', '--json'], {
      env: { ...process.env, DATABASE_URL: postgres.url, NODE_ENV: 'test' },
    });
    const [{ pid }] = (await sleeper.query('select pg_backend_pid() as pid')).rows;
    await doctor.printed(
      new RegExp(
        `"check": "queue",\\s+"status": "failed"[^}]*session ${pid} \\(sleeper, database elsewhere, idle in transaction,` +
          `[^}]*pg_terminate_backend\\(${pid}\\)`,
      ),
    );
    await doctor.exited;

    // Full to the brim: whoever notifies fails.
    await fill(0.97);
    await expect(
      (async () => {
        for (let turn = 0; ; turn++)
          await service.query(`select pg_notify('anything', $1)`, [`${turn} ${'y'.repeat(7900)}`]);
      })(),
    ).rejects.toThrow(/too many notifications/);
    await expectServed({ server: servers[0]!, witnesses: witnesses[0]! }, 200);
    for (let count = 0; count < 3; count++) await write();
    await everyoneHas();
    await expectServed({ server: servers[0]!, witnesses: witnesses[0]! }, 200);

    await sleeper.query('rollback');
    await write();
    await everyoneHas();
    await expect.poll(usage).toBeLessThan(0.5);
    watching = false;
    await watch;
    expect(lingered).toBe(0);
  },
);
