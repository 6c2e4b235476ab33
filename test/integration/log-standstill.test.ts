/** That an instance which stands still, whatever it was at, holds up nobody else. */
import type { Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bellHolder, followLog, writeOn } from '../support/follower.js';
import { untilOnlySweeping } from '../support/listener.js';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';
import { startProxy } from '../support/proxy.js';

let database: MigratedDatabase;
beforeAll(async () => {
  database = await createMigratedDatabase();
});
afterAll(() => database.drop());

const numbered = async (): Promise<number | null> => {
  const [{ seq }] = await database.query('select realtime.advance() as seq');
  return seq === null ? null : Number(seq);
};
/** Emits what is so large. */
const emit = (count: number, bytes: number) =>
  database.query(
    `insert into realtime.events (type, room, data, occurred_at)
     select 'contract.created', '*', json_build_object('padding', repeat('x', $2)), now() from generate_series(1, $1)`,
    [count, bytes],
  );
const write = () => database.query('insert into contracts default values');

describe('an instance that does not read the answer to its numbering', () => {
  it.each([
    ['one large event', 1, 16 << 20, 0],
    ['many small ones', 150_000, 100, 0],
    ['many small ones, after one that it has missed', 150_000, 100, 1],
  ])('does not keep others from numbering: %s', { timeout: 60_000 }, async (_what, count, bytes, behind) => {
    const before = await numbered();
    const still = new pg.Client({ connectionString: database.url });
    still.on('error', () => undefined);
    await still.connect();
    const [{ pid }] = (await still.query('select pg_backend_pid() as pid')).rows;
    await emit(count, bytes);
    const { stream } = (still as unknown as { connection: { stream: Socket } }).connection;
    stream.pause();
    const after = (before ?? 0) - behind;
    const asked = still.query('select * from realtime.follow($1, 1000000)', [after]).catch(() => undefined);
    // Begun, and answered or waiting for its reader.
    await expect
      .poll(
        async () =>
          (
            await database.query(
              `select query like '%realtime.follow%' and (state = 'idle' or wait_event = 'ClientWrite') as done
               from pg_stat_activity where pid = $1`,
              [pid],
            )
          )[0].done,
        { timeout: 30_000 },
      )
      .toBe(true);
    await write();
    await expect.poll(numbered, { timeout: 5_000 }).toBe((before ?? 0) + count + 1);
    stream.destroy();
    await asked;
  });
});

/** Somebody who follows the log, and is not heard of any more while it holds the bell; nor is its end. */
async function freezeAtTheBell(timeoutMs: number) {
  const proxy = await startProxy(database.url);
  const still = await followLog(proxy.through(database.url), { sweepMs: 1000, timeoutMs });
  const stop = await writeOn(database);
  let holder: number | undefined;
  for (;;) {
    await expect.poll(async () => (holder = await bellHolder(database)), { timeout: 30_000 }).toBeDefined();
    proxy.blackhole();
    await untilAtRest(holder);
    // It may have been asked to let go of it at that very moment.
    if ((await bellHolder(database)) === holder) break;
    proxy.cut();
    proxy.heal();
  }
  await stop();
  return {
    holder,
    async stop() {
      proxy.cut();
      await still.stop();
      await proxy.stop();
    },
  };
}

/** Until nothing of what has been asked is being worked at any more. */
const untilAtRest = (pid: number | undefined) =>
  expect
    .poll(
      async () =>
        (
          await database.query(
            `select state = 'idle' and state_change < clock_timestamp() - interval '100 ms' as rests
             from pg_stat_activity where pid = $1`,
            [pid],
          )
        )[0].rests,
      { timeout: 30_000 },
    )
    .toBe(true);

describe('an instance that stands still while it holds the bell', () => {
  it(
    'leaves the others to their sweep: nothing is more than about a second late',
    { timeout: 60_000 },
    async () => {
      const still = await freezeAtTheBell(60_000);
      const other = await followLog(database.url, { sweepMs: 1000 });
      const stop = await writeOn(database);
      await other.until(200);
      const written = await stop();
      await other.until(written);
      await untilOnlySweeping(database);
      const began = performance.now();
      await write();
      await other.until(written + 1);
      expect(performance.now() - began).toBeLessThan(2500);
      expect(await bellHolder(database)).toBe(still.holder);
      await other.stop();
      await still.stop();
    },
  );

  it('loses it, when nothing is heard of it for long: it rings again', { timeout: 60_000 }, async () => {
    const still = await freezeAtTheBell(3000);
    await expect.poll(() => bellHolder(database), { timeout: 30_000 }).not.toBe(still.holder);
    // Heard, or never.
    const other = await followLog(database.url);
    await untilOnlySweeping(database);
    await write();
    await other.until(1);
    await other.stop();
    await still.stop();
  });
});
