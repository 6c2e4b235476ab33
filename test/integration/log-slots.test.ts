/** That numbering and reading open only the slots that can have something, and miss nothing where others have. */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

let db: MigratedDatabase;
let random: () => number;
beforeEach(async () => {
  db = await createMigratedDatabase();
  await db.query('select realtime.ensure_epoch()');
  let state = 20261130;
  random = () => (state = (state * 48271) % 2147483647) / 2147483647;
});
afterEach(() => db.drop());

const advance = async () => Number((await db.query('select realtime.advance() as seq'))[0].seq);
const emit = async (client: pg.ClientBase | typeof db = db) => {
  await client.query('insert into contracts default values');
};
/** Turns to the next slot, and drops what is older than the last `most` entries. */
const rotate = (most: number) => db.query(`select realtime.rotate('1 hour', $1)`, [most]);
const turn = async () =>
  Number((await db.query(`select pg_sequence_last_value('realtime.slot') as turn`))[0].turn);
const floor = async () => Number((await db.query('select floor from realtime.kept()'))[0].floor);
const read = async (after: number, most = 100_000) =>
  (await db.query('select seq from realtime.read($1, $2)', [after, most])).map(({ seq }) => Number(seq));
const from = (after: number, to: number) => Array.from({ length: to - after }, (_, n) => after + 1 + n);
/** Numbers until nothing is left. */
async function head(): Promise<number> {
  let last = -1;
  for (let next = await advance(); next !== last; next = await advance()) last = next;
  return last;
}

/** Every page there can be is whole, for whoever reads all and for a player. */
async function expectWhole(): Promise<void> {
  const [kept, newest] = [await floor(), await head()];
  for (let after = kept; after < newest; after++) {
    expect(await read(after)).toEqual(from(after, newest));
    expect(await read(after, 3)).toEqual(from(after, Math.min(newest, after + 3)));
    const rows = await db.query(`select seq from realtime.read_for($1, 5, 'p1', '{}')`, [after]);
    expect(rows.map(({ seq }) => Number(seq))).toEqual(from(after, Math.min(newest, after + 5)));
  }
}

describe('the slots of the log', () => {
  it('are opened when they may have something, and not else', { timeout: 60_000 }, async () => {
    const client = await db.connect();
    const opened = async () => {
      await emit();
      await client.query('begin');
      const { rows } = await client.query<{ seq: string }>('select realtime.advance() as seq');
      await client.query('select from realtime.read($1, 10)', [Number(rows[0]?.seq) - 1]);
      const scanned = await client.query<{ relname: string }>(
        `select relname from pg_stat_xact_user_tables
         where schemaname = 'realtime' and idx_scan > 0 and relname ~ '_[0-7]$' order by relname`,
      );
      await client.query('commit');
      return scanned.rows.map(({ relname }) => relname);
    };
    // Once those transactions have ended that had begun before the first tick, in whatever database of the cluster.
    await expect
      .poll(opened, { timeout: 50_000 })
      .toEqual(['events_0', 'events_7', 'log_0', 'log_7', 'ticks_0', 'ticks_7']);
  });

  it('are all looked into for a transaction that began long ago, and its events are in every page', async () => {
    const open = await db.connect();
    await emit();
    await head();
    await open.query('begin');
    await emit(open);
    for (let ticks = 0; ticks < 8; ticks++) {
      await emit();
      await head();
      await rotate(6);
    }
    expect(await turn()).toBe(4);
    await emit(open);
    await open.query('commit');
    expect(await head()).toBe(11);
    await emit();
    expect(await head()).toBe(12);
    await expectWhole();
  });

  it('are left only once something was numbered in them', async () => {
    const twice = async () => {
      for (let n = 0; n < 2; n++) {
        await emit();
        await head();
      }
    };
    await twice();
    for (let n = 0; n < 5; n++) await rotate(0);
    expect(await turn()).toBe(1);
    await twice();
    await rotate(0);
    expect(await turn()).toBe(2);
  });

  it('may be turned without being emptied, by a crash, and nothing is numbered or read twice', async () => {
    for (let n = 0; n < 20; n++) {
      await emit();
      await head();
      await rotate(6);
    }
    const [before, turns] = [await head(), await turn()];
    expect(turns).toBeGreaterThan(8);
    // What is left of a rotation that was not committed: sequences are not rolled back.
    await db.query(`select setval('realtime.slot', $1::bigint)`, [turns + 1]);
    expect(await db.query(`select from realtime.log where slot = $1`, [(turns + 1) % 8])).not.toEqual([]);
    await expectWhole();
    for (let n = 1; n <= 4; n++) {
      await rotate(6);
      await emit();
      expect(await head()).toBe(before + n);
      await expectWhole();
    }
  });

  it('hold every commit once, whatever transactions and rotations do', { timeout: 60_000 }, async () => {
    const open: pg.Client[] = [];
    let committed = 0;
    const pending = new Map<pg.Client, number>();
    for (let step = 0; step < 250; step++) {
      const what = random();
      if (what < 0.15 && open.length < 4) {
        const client = await db.connect();
        await client.query('begin');
        open.push(client);
      } else if (what < 0.5 && open.length > 0) {
        const client = open[Math.floor(random() * open.length)];
        if (client) {
          await emit(client);
          pending.set(client, (pending.get(client) ?? 0) + 1);
        }
      } else if (what < 0.6) {
        const [client] = open.splice(Math.floor(random() * open.length), 1);
        if (client) {
          await client.query('commit');
          committed += pending.get(client) ?? 0;
        }
      } else if (what < 0.75) await rotate(30);
      else {
        await emit();
        committed++;
        if (random() < 0.7) expect(await advance()).toBe(committed);
      }
    }
    for (const client of open) {
      await client.query('commit');
      committed += pending.get(client) ?? 0;
    }
    expect(await head()).toBe(committed);
    expect(await turn()).toBeGreaterThan(8);
    await expectWhole();
  });
});
