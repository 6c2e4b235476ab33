/** That the log is looked at as often as it must be, and no more, when writers keep one another from ringing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bellHolder, followLog, writeOn } from '../support/follower.js';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

let database: MigratedDatabase;
beforeAll(async () => {
  database = await createMigratedDatabase();
});
afterAll(() => database.drop());

/** How many commits have skipped the bell, as a reader is told. */
const skipped = async (): Promise<number> =>
  (await database.query('select at from realtime.follow($1, 1)', [2 ** 40]))[0].at;

describe('a commit that does not ring the bell', () => {
  it('is counted, once a transaction; one that rings is not', async () => {
    const before = await skipped();
    await database.query('insert into contracts default values');
    expect(await skipped()).toBe(before);
    const [ringer, skipper] = [await database.pool.connect(), await database.pool.connect()];
    await ringer.query('begin');
    await ringer.query(`select pg_advisory_xact_lock(748177132, hashtext(current_database()))`);
    await skipper.query('begin');
    await skipper.query('insert into contracts select from generate_series(1, 3)');
    expect(await skipped()).toBe(before);
    await skipper.query('commit');
    expect(await skipped()).toBe(before + 1);
    await ringer.query('commit');
    for (const client of [ringer, skipper]) client.release();
  });
});

describe('writers that commit together', () => {
  it('are all heard without a sweep, whoever of them has rung', { timeout: 60_000 }, async () => {
    const follower = await followLog(database.url);
    const writers = await Promise.all(Array.from({ length: 4 }, () => database.pool.connect()));
    for (let burst = 1; burst <= 40; burst++) {
      await Promise.all(writers.map((writer) => writer.query('insert into contracts default values')));
      await follower.until(4 * burst);
    }
    for (const writer of writers) writer.release();
    await follower.stop();
  });

  it('are heard though one of them takes long to commit, and has not rung', { timeout: 60_000 }, async () => {
    const follower = await followLog(database.url);
    // Runs at the commit, after the bell.
    await database.query(`
      create function wait_for_it() returns trigger language plpgsql as
        $$ begin if current_setting('test.waits', true) = 'yes' then perform pg_advisory_xact_lock(1); end if; return null; end $$;
      create constraint trigger zz after insert on realtime.events
        deferrable initially deferred for each row execute function wait_for_it()`);
    const [gate, ringer, late] = [
      await database.pool.connect(),
      await database.pool.connect(),
      await database.pool.connect(),
    ];
    await gate.query('select pg_advisory_lock(1)');
    await ringer.query('begin');
    await ringer.query('insert into contracts default values');
    await ringer.query('select pg_advisory_xact_lock(748177132, hashtext(current_database()))');
    await late.query(`set test.waits = 'yes'`);
    const committing = late.query('insert into contracts default values');
    await untilWaiting();
    await ringer.query('commit');
    await follower.until(1);
    await untilLooked(100);
    await gate.query('select pg_advisory_unlock(1)');
    await committing;
    await follower.until(2);
    for (const client of [gate, ringer, late]) client.release(true);
    await follower.stop();
  });
});

const isHeld = async () => (await bellHolder(database)) !== undefined;

describe('what does not come with its number', () => {
  it('is read after it at once: what is large, and what follows a page', { timeout: 60_000 }, async () => {
    const follower = await followLog(database.url);
    const lobby = (await database.query(`insert into lobbies (code) values ('LARGE') returning id`))[0].id;
    await follower.until(1);
    // Nobody rings a second time for any of them.
    await database.query(
      `insert into bounties (lobby_id, title, created_by) values ($1, repeat('x', 100000), 'x')`,
      [lobby],
    );
    await follower.until(2);
    await database.query('insert into contracts select from generate_series(1, 1500)');
    await follower.until(1502);
    await database.query('insert into contracts select from generate_series(1, 250)');
    await follower.until(1752);
    await follower.stop();
  });
});

describe('under load the bell', () => {
  it('is held for a session that looks by the clock, and rings again once nobody has skipped it', async () => {
    const [reader, ear] = [await database.pool.connect(), await database.pool.connect()];
    let rung = 0;
    ear.on('notification', () => rung++);
    await ear.query('listen hashi_bell');
    const look = async (hold: boolean, held: boolean, counted: number) =>
      (
        await reader.query('select failed as held, at as skipped from realtime.follow($1, 1, $2, $3, $4)', [
          2 ** 40,
          hold,
          held,
          counted,
        ])
      ).rows[0];
    const commit = async () => {
      await database.query('insert into contracts default values');
      await ear.query('select 1');
      return rung;
    };
    const before = await skipped();
    expect(await look(true, false, before)).toEqual({ held: true, skipped: before });
    expect([await commit(), await commit()]).toEqual([0, 0]);
    expect(await look(true, true, before)).toEqual({ held: true, skipped: before + 2 });
    expect(await look(true, true, before + 2)).toEqual({ held: false, skipped: before + 2 });
    expect(await commit()).toBe(1);
    expect(await look(true, false, before + 2)).toEqual({ held: true, skipped: before + 2 });
    await reader.query('select pg_advisory_unlock(748177132, hashtext(current_database()))');
    expect(await commit()).toBe(2);
    for (const client of [reader, ear]) client.release(true);
  });

  it(
    'is held while writers come thick and fast, and rings for the next one after them',
    { timeout: 60_000 },
    async () => {
      const follower = await followLog(database.url);
      const stop = await writeOn(database);
      await expect.poll(isHeld, { timeout: 30_000 }).toBe(true);
      const written = await stop();
      await follower.until(written);
      await expect.poll(isHeld, { timeout: 30_000 }).toBe(false);
      // There is no sweep: it is heard, or never.
      await untilLooked(100);
      await database.query('insert into contracts default values');
      await follower.until(written + 1);
      await follower.stop();
    },
  );

  it('is not held by who leaves the numbering to another', { timeout: 60_000 }, async () => {
    const follower = await followLog(database.url);
    const stop = await writeOn(database);
    await expect.poll(isHeld, { timeout: 30_000 }).toBe(true);
    await expect
      .poll(
        async () => {
          await database.query('select realtime.advance()');
          return isHeld();
        },
        { timeout: 30_000, interval: 5 },
      )
      .toBe(false);
    await follower.until(await stop());
    await follower.stop();
  });
});

const untilWaiting = () =>
  expect
    .poll(
      async () =>
        (
          await database.query(
            `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`,
          )
        )[0].n,
      { timeout: 30_000 },
    )
    .toBe(1);

/** Until the listener has looked for the last time longer ago than this. */
const untilLooked = (ms: number) =>
  expect
    .poll(
      async () =>
        (
          await database.query(
            `select min(clock_timestamp() - query_start) > $1 * interval '1 ms' as long
             from pg_stat_activity where datname = current_database() and application_name = 'hashi-socket listener'`,
            [ms],
          )
        )[0].long,
      { timeout: 30_000 },
    )
    .toBe(true);
