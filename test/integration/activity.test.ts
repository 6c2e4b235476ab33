import { afterAll, beforeAll, expect, it } from 'vitest';
import { activityOf } from '../../src/cli/activity.js';
import { connectClient } from '../../src/database/client.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
  await database.query('create table large as select n from generate_series(1, 100000) n');
  await database.query(
    `create function public.slow(n int) returns int immutable language plpgsql as 'begin perform pg_sleep(1); return n; end'`,
  );
});
afterAll(() => database.drop());

/** Asks until it is so. */
async function until(look: () => Promise<string | null>, fits: RegExp): Promise<string> {
  for (;;) {
    const text = await look();
    if (text !== null && fits.test(text)) return text;
  }
}

it('tells whom a session waits for, how far an index is, and nothing when there is nothing to tell', async () => {
  const [worker, blocker] = await Promise.all(
    ['worker', 'blocker'].map((applicationName) => connectClient({ url: database.url, applicationName })),
  );
  if (!worker || !blocker) throw new Error('not connected');
  const activity = await activityOf(worker, database.url);
  expect(await activity.describe()).toBeNull();

  await blocker.query('begin');
  await blocker.query('lock table large in share update exclusive mode');
  const { rows } = await blocker.query('select pg_backend_pid() as pid');
  const building = worker.query('lock table large in exclusive mode; create index on large (public.slow(n))');
  await until(() => activity.describe(), new RegExp(`^waiting for a lock of session ${rows[0].pid}$`));
  await blocker.query('rollback');
  // Its size is not known in its first moment.
  await until(() => activity.describe(), /^building index: scanning table \d+ %$/);
  const cancelled = expect(building).rejects.toMatchObject({ code: '57014' });
  await blocker.query(
    `select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'worker'`,
  );
  await cancelled;
  expect(await activity.describe()).toBeNull();

  await activity.end();
  await Promise.all([worker.end(), blocker.end()]);
});
