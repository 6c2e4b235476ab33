/** That an instance which stands still does not fill the notification queue: commits that notify would fail, everybody's. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectClient } from '../../src/database/client.js';
import { startEmbedded, type EmbeddedPostgres } from '../../src/database/embedded.js';
import { createFleet, type Fleet } from '../support/instances.js';

let dataDir: string;
let postgres: EmbeddedPostgres;
let fleet: Fleet;
let service: pg.Client;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-standstill-'));
  // The least there can be: half a megabyte.
  postgres = await startEmbedded({ dataDir, tuning: 'test', settings: { max_notify_queue_pages: '64' } });
  service = await connectClient({ url: postgres.url, applicationName: 'service' });
  fleet = await createFleet(postgres.url);
});
afterAll(async () => {
  await fleet.stop();
  await service.end();
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** Notifies once more. @returns how full the queue is; what everybody has read is let go of when more comes */
let said = 0;
async function notify(): Promise<number> {
  try {
    await service.query(`select pg_notify('hashi_bell', $1)`, [`${said++} ${'x'.repeat(7900)}`]);
  } catch (error) {
    if (!String(error).includes('too many notifications')) throw error;
  }
  const { rows } = await service.query<{ usage: number }>('select pg_notification_queue_usage() as usage');
  return rows[0]?.usage ?? 1;
}
const listener = async (): Promise<number | undefined> =>
  (
    await service.query<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'hashi-socket listener'`,
    )
  ).rows[0]?.pid;

it(
  'is given up when it does not take what it is sent, and holds the queue no longer',
  { timeout: 90_000 },
  async () => {
    const still = await fleet.start();
    const backend = await listener();
    expect(backend).toBeDefined();
    still.child.signal('SIGSTOP');
    // More, and more again than its connection holds of what is not read: from there on the queue holds it.
    const more = async () => {
      for (let count = 0; count < 50; count++) await notify();
      return listener();
    };
    await expect.poll(more, { timeout: 45_000 }).not.toBe(backend);
    await expect.poll(notify, { timeout: 10_000 }).toBeLessThan(0.2);
  },
);
