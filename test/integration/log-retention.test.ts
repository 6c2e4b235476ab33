import type pg from 'pg';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { History } from '../../src/log/history.js';
import { RetentionKeeper } from '../../src/log/retention.js';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

let db: MigratedDatabase;
const databases: MigratedDatabase[] = [];
beforeEach(async () => {
  db = await createMigratedDatabase();
  databases.push(db);
  await db.query('select realtime.ensure_epoch()');
  // Time is made to pass by setting ticks back.
  await db.query('alter table realtime.ticks drop constraint not_from_another_database');
});
afterEach(async () => {
  await db.drop();
});
afterAll(() => Promise.all(databases.map((database) => database.drop())));

const advance = async () => Number((await db.query('select realtime.advance() as seq'))[0].seq);
const emit = async (client: pg.ClientBase | typeof db = db) => {
  await client.query('insert into contracts default values');
};
const rotate = async (retention: string, most: number) =>
  Number((await db.query('select realtime.rotate($1::interval, $2) as floor', [retention, most]))[0].floor);
const kept = async () =>
  (await db.query('select seq from realtime.read(0, 100000)')).map(({ seq }) => Number(seq));
const turn = async () =>
  Number((await db.query(`select pg_sequence_last_value('realtime.slot') as turn`))[0].turn);

describe('rotate()', () => {
  it('drops slots whole when they hold more than is promised, and says up to where', async () => {
    let floor = 0;
    for (let round = 0; round < 30; round++) {
      await emit();
      await emit();
      await advance();
      floor = await rotate('1 hour', 6);
    }
    const entries = await kept();
    expect(floor).toBeGreaterThan(0);
    // At least what is promised, not much more, with no hole in it.
    expect(entries.length).toBeGreaterThanOrEqual(6);
    expect(entries.length).toBeLessThan(40);
    expect(entries).toEqual(Array.from(entries, (_seq, index) => floor + 1 + index));
    expect(entries.at(-1)).toBe(60);
    expect(await db.query('select count(*)::int from realtime.events')).toEqual([{ count: entries.length }]);
  });

  it('drops by age: nothing younger than is promised', async () => {
    for (let round = 0; round < 9; round++) {
      await emit();
      await advance();
      await rotate('1 day', 1_000_000);
    }
    expect(await kept()).toHaveLength(9);
    expect(await turn()).toBe(0);
    await db.query(`update realtime.ticks set at = at - interval '2 days'`);
    for (let round = 0; round < 9; round++) {
      await emit();
      await advance();
      await db.query(
        `update realtime.ticks set at = at - interval '5 hours' where at > now() - interval '1 day'`,
      );
      await rotate('1 day', 1_000_000);
    }
    expect((await kept())[0]).toBeGreaterThan(9);
  });

  it('gets its turn though somebody numbers at that moment', async () => {
    await emit();
    await advance();
    const other = await db.connect();
    await other.query('begin');
    await other.query('select from realtime.sequencer for update');
    // However long it takes this machine to look.
    await db.query(`alter function realtime.rotate(interval, bigint) set lock_timeout = '20s'`);
    const rotated = rotate('1 hour', 1);
    await expect
      .poll(() =>
        // Those of other databases wait for one another too.
        db.query(
          `select from pg_locks join pg_stat_activity using (pid)
           where not granted and locktype in ('tuple', 'transactionid') and datname = current_database()`,
        ),
      )
      .toHaveLength(1);
    await other.query('commit');
    await rotated;
    expect(await turn()).toBe(1);
  });

  it('leaves no dead rows behind', async () => {
    for (let round = 0; round < 20; round++) {
      await emit();
      await advance();
      await rotate('1 hour', 3);
    }
    const [{ dead }] = await db.query(
      `select coalesce(sum(n_tup_del + n_tup_upd), 0)::int as dead from pg_stat_user_tables
       where schemaname = 'realtime' and relname ~ '^(events|log|ticks)'`,
    );
    expect(dead).toBe(0);
  });

  it('waits for a transaction whose events are in the slot, and blocks no writer meanwhile', async () => {
    const open = await db.connect();
    const writer = await db.connect();
    await open.query('begin');
    await emit(open);
    for (let round = 0; round < 30; round++) {
      await emit();
      await advance();
      await rotate('1 hour', 3);
    }
    expect(await turn()).toBe(7);
    // Who is blocked is so until the other commits; who merely notifies beside other databases waits for them a little.
    await writer.query(`set lock_timeout = '10s'`);
    await emit(writer);
    const before = await advance();
    await open.query('commit');
    expect(await advance()).toBe(before + 1);
    await rotate('1 hour', 3);
    // Numbered now: kept for as long as any other.
    expect((await kept()).at(-1)).toBe(before + 1);
  });

  it('never drops what has committed and is not numbered yet', async () => {
    const open = await db.connect();
    await open.query('begin');
    await emit(open);
    for (let round = 0; round < 30; round++) {
      await emit();
      await advance();
      await rotate('1 hour', 3);
    }
    const before = await advance();
    await open.query('commit');
    for (let round = 0; round < 3; round++) await rotate('1 hour', 3);
    expect(await advance()).toBe(before + 1);
    expect((await kept()).at(-1)).toBe(before + 1);
  });

  it('is skipped while another numbers', async () => {
    for (let round = 0; round < 3; round++) {
      await emit();
      await advance();
    }
    const other = await db.connect();
    await emit();
    await other.query('begin');
    await other.query('select realtime.advance()');
    const before = await turn();
    expect(await rotate('1 hour', 1)).toBe(0);
    expect(await turn()).toBe(before);
    await other.query('rollback');
  });

  it('is what the keeper of an instance does', async () => {
    const keeper = new RetentionKeeper(db.pool, { retentionHours: 24, retentionEvents: 3 }, () => undefined);
    let floor = 0;
    for (let round = 0; round < 30; round++) {
      await emit();
      await advance();
      floor = await keeper.rotate();
    }
    expect(floor).toBeGreaterThan(0);
    const history = new History(db.pool, { retentionHours: 24, retentionEvents: 1_000_000 });
    expect(await history.holds(floor - 1)).toBe(false);
    expect(await history.holds(floor)).toBe(true);
    const page = await history.page(floor - 1, 100, 'p', []);
    expect(page.pruned).toBe(true);
  });
});

describe('holds()', () => {
  it('refuses what is older or more than is promised, though it is there still', async () => {
    for (let round = 0; round < 5; round++) {
      await emit();
      await advance();
    }
    const holds = (seq: number, retentionHours = 24, retentionEvents = 100) =>
      new History(db.pool, { retentionHours, retentionEvents }).holds(seq);
    expect(await holds(0)).toBe(true);
    expect(await holds(5)).toBe(true);
    expect(await holds(1, 24, 3)).toBe(false);
    expect(await holds(2, 24, 3)).toBe(true);
    await db.query(`update realtime.ticks set at = at - interval '25 hours' where seq <= 3`);
    expect(await holds(2)).toBe(false);
    expect(await holds(3)).toBe(true);
  });
});

describe('ensure_epoch()', () => {
  const ensure = async () => (await db.query('select * from realtime.ensure_epoch()'))[0];

  it('keeps the epoch and the secret while the database is the same', async () => {
    const first = await ensure();
    expect(first).toMatchObject({ renewed: false });
    expect(first.epoch).toMatch(/^[0-9a-f]{12}$/);
    expect(first.secret.length).toBeGreaterThanOrEqual(64);
    expect(await ensure()).toEqual(first);
  });

  it('is new in a copy of the database, whose log means nothing any more', async () => {
    const first = await ensure();
    await emit();
    await emit();
    const head = await advance();
    await emit();
    await db.query(`update realtime.state set cluster = 'another'`);
    const renewed = await ensure();
    expect(renewed.renewed).toBe(true);
    expect(renewed.epoch).not.toBe(first.epoch);
    expect((await ensure()).renewed).toBe(false);
    // Nobody who goes on from a place in the old log can take the new one for its continuation.
    const start = await advance();
    expect(start).toBeGreaterThan(head);
    const history = new History(db.pool, { retentionHours: 24, retentionEvents: 100 });
    expect(await history.holds(head)).toBe(false);
    expect(await history.holds(start)).toBe(true);
    await emit();
    expect(await advance()).toBe(start + 1);
    expect(await db.query('select seq::int from realtime.read($1, 10)', [start])).toEqual([
      { seq: start + 1 },
    ]);
  });

  it('is renewed once when many instances ask at once', async () => {
    await db.query(`update realtime.state set cluster = 'another'`);
    const clients = await Promise.all([1, 2, 3, 4].map(() => db.connect()));
    const answers = await Promise.all(
      clients.map(async (client) => (await client.query('select * from realtime.ensure_epoch()')).rows[0]),
    );
    expect(answers.filter(({ renewed }) => renewed)).toHaveLength(1);
    expect(new Set(answers.map(({ epoch }) => epoch)).size).toBe(1);
  });

  it('does not make writers wait behind a transaction that is open', async () => {
    const open = await db.connect();
    const writer = await db.connect();
    await open.query('begin');
    await emit(open);
    await db.query(`update realtime.state set cluster = 'another'`);
    const other = await db.connect();
    const ensuring = other.query('select * from realtime.ensure_epoch()').then(
      () => null,
      (error: unknown) => (error as { code?: string }).code,
    );
    await writer.query(`set lock_timeout = '5s'`);
    await emit(writer);
    expect(['55P03', null]).toContain(await ensuring);
    await open.query('rollback');
    expect((await ensure()).epoch).toMatch(/^[0-9a-f]{12}$/);
  });
});
