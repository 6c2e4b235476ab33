import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

let db: MigratedDatabase;
let reader: pg.Client;
let other: pg.Client;
let writer: pg.Client;

beforeAll(async () => {
  db = await createMigratedDatabase();
  reader = await db.connect();
  other = await db.connect();
  writer = await db.connect();
  // Its own: what the suite's other databases do must not show.
  await db.query('select realtime.ensure_epoch()');
});
afterAll(() => db.drop());

const advance = async (client: pg.Client = reader): Promise<string | null> =>
  (await client.query('select realtime.advance() as seq')).rows[0].seq;
const emit = (count = 1, client: pg.Client = writer) =>
  client.query(`insert into contracts (token) select 't' from generate_series(1, ${count})`);
const ticks = async () => Number((await db.query('select count(*) from realtime.ticks'))[0].count);
/** Pages of the log's tables and indexes that a call touches, as this session counts them. */
async function blocksTouched(client: pg.Client, sql: string): Promise<number> {
  const { rows } = await client.query(`explain (analyze, buffers, format json, timing off) ${sql}`);
  const plan = rows[0]['QUERY PLAN'][0].Plan;
  return Number(plan['Shared Hit Blocks']) + Number(plan['Shared Read Blocks']);
}

describe('advance()', () => {
  it('writes nothing when there is nothing new: no tick, no transaction id', async () => {
    await emit();
    const head = await advance();
    const before = await ticks();
    for (let call = 0; call < 20; call++) {
      const { rows } = await reader.query(
        'select realtime.advance() as seq, pg_current_xact_id_if_assigned() as xid',
      );
      expect(rows[0]).toEqual({ seq: head, xid: null });
    }
    expect(await ticks()).toBe(before);
  });

  it('writes nothing for transactions that have no events', async () => {
    await emit();
    await advance();
    const before = await ticks();
    for (let call = 0; call < 5; call++) {
      await writer.query('select pg_current_xact_id()');
      const { rows } = await reader.query(
        'select realtime.advance() as seq, pg_current_xact_id_if_assigned() as xid',
      );
      expect(rows[0].xid).toBeNull();
    }
    expect(await ticks()).toBe(before);
  });

  it('returns null to whoever comes while another numbers, and reads on for it', async () => {
    await advance();
    await emit();
    await other.query('begin');
    const seq = await advance(other);
    expect(await advance()).toBeNull();
    await other.query('commit');
    expect(await advance()).toBe(seq);
  });

  it('loses nothing when the one who numbers is cut off', async () => {
    const before = Number(await advance());
    await emit(3);
    await other.query('begin');
    await advance(other);
    await other.query('rollback');
    expect(Number(await advance())).toBe(before + 3);
    const rows = await db.query('select seq from realtime.read($1, 100)', [before]);
    expect(rows.map(({ seq }) => Number(seq) - before)).toEqual([1, 2, 3]);
  });

  it('costs no more behind a transaction that is open with many events', async () => {
    const open = await db.connect();
    await emit();
    await advance();
    const cost = async () => {
      // The first call after a change of the catalogue caches plans.
      await emit();
      await advance();
      await emit();
      return blocksTouched(reader, 'select realtime.advance()');
    };
    await cost();
    const alone = await cost();
    await open.query('begin');
    await emit(20_000, open);
    // A second later at the latest a tick is written, from which on they are passed over.
    await db.query('select pg_sleep(1.01)');
    await advance();
    const behind: number[] = [];
    for (let round = 0; round < 3; round++) behind.push(await cost());
    expect(Math.max(...behind)).toBeLessThan(alone + 300);
    const head = Number(await advance());
    await open.query('commit');
    expect(Number(await advance())).toBe(head + 20_000);
    expect(
      await db.query('select count(*)::int, min(seq)::int, max(seq)::int from realtime.log where seq > $1', [
        head,
      ]),
    ).toEqual([{ count: 20_000, min: head + 1, max: head + 20_000 }]);
  });

  it('costs no more after many ticks', async () => {
    const cost = async () => {
      await emit();
      return blocksTouched(reader, 'select realtime.advance()');
    };
    await cost();
    const first = await cost();
    for (let tick = 0; tick < 300; tick++) {
      await emit();
      await advance();
    }
    expect(await cost()).toBeLessThan(first + 200);
  });

  it('notifies of what it has numbered', async () => {
    const heard = new Promise<string | undefined>((resolve) => {
      other.once('notification', ({ payload }) => resolve(payload));
    });
    await other.query('listen hashi_log');
    await emit();
    const seq = await advance();
    expect(await heard).toBe(seq);
    await other.query('unlisten *');
  });
});

describe('a page of large entries', () => {
  it('ends once it is large, whole and dense, and always holds one', async () => {
    const start = Number(await advance());
    const [{ id }] = await db.query(`insert into lobbies (code) values ('LARGE') returning id`);
    // 2 MiB each, and after each an entry without data.
    for (let row = 0; row < 5; row++) {
      await db.query(
        `insert into bounties (lobby_id, title, created_by) values ($1, repeat(md5(random()::text), 65536), 'x')`,
        [id],
      );
      await db.query('truncate bounties');
    }
    await advance();
    const seqs: number[] = [];
    const pages: number[] = [];
    for (let at = start; ;) {
      const rows = await db.query(
        'select seq::int, coalesce(octet_length(data), 0) as bytes from realtime.read($1, 1000)',
        [at],
      );
      if (rows.length === 0) break;
      seqs.push(...rows.map(({ seq }) => seq as number));
      pages.push(rows.reduce((sum, { bytes }) => sum + (bytes as number), 0));
      at = seqs.at(-1) ?? at;
    }
    expect(seqs).toEqual(Array.from({ length: 11 }, (_, at) => start + 1 + at));
    expect(pages.length).toBeGreaterThan(2);
    for (const bytes of pages) expect(bytes).toBeLessThan(7 << 20);

    const [first, ...others] = await db.query(
      `select seq::int from realtime.read_for($1, 1000, 'nobody', $2)`,
      [start + 1, [`lobby:${id}`]],
    );
    expect(first.seq).toBe(start + 2);
    expect(others).toEqual([]);
  });
});

describe('read_for()', () => {
  const readFor = (after: number, most: number, player: string, rooms: string[]) =>
    db.query('select seq, type, room, player, member from realtime.read_for($1, $2, $3, $4)', [
      after,
      most,
      player,
      rooms,
    ]);

  it('keeps to everyone’s, the rooms’ and the player’s own, and ends at the last entry it looked at', async () => {
    const start = Number(await advance());
    const [{ id: mine }] = await db.query(`insert into lobbies (code) values ('MINE') returning id`);
    const [{ id: foreign }] = await db.query(
      `insert into lobbies (code, host_id) values ('FOREIGN', 'me') returning id`,
    );
    await emit();
    await db.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'me')`, [foreign]);
    await db.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'you')`, [foreign]);
    await db.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'you')`, [mine]);
    await db.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'they')`, [foreign]);
    await advance();
    const all = await readFor(start, 100, 'me', [`lobby:${mine}`]);
    expect(all.map(({ seq, type, room }) => [Number(seq) - start, type, room])).toEqual([
      [1, 'lobby.created', `lobby:${mine}`],
      [2, 'lobby.created', `lobby:${foreign}`],
      [3, 'contract.created', '*'],
      [4, 'lobby.joined', `lobby:${foreign}`],
      [6, 'lobby.joined', `lobby:${mine}`],
      [7, 'lobby.joined', `lobby:${foreign}`],
    ]);
    const page = await readFor(start, 5, 'nobody', []);
    expect(page.map(({ seq }) => Number(seq) - start)).toEqual([3, 5]);
    expect(await readFor(start + 7, 5, 'me', [])).toEqual([]);
  });

  it('tells a player’s moves since a place', async () => {
    const start = Number(await advance());
    const [{ id }] = await db.query(`insert into lobbies (code) values ('MOVES') returning id`);
    await db.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'm')`, [id]);
    await db.query(`delete from lobby_participants where lobby_id = $1`, [id]);
    await db.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'm')`, [id]);
    await db.query(`delete from lobbies where id = $1`, [id]);
    await advance();
    const moves = await db.query(`select room, effect from realtime.moves_of('m', $1)`, [start]);
    expect(moves.map(({ effect }) => effect)).toEqual(['join', 'leave', 'join', 'ended']);
    expect(new Set(moves.map(({ room }) => room))).toEqual(new Set([`lobby:${id}`]));
  });
});

describe('follow()', () => {
  /** What comes besides the newest seq, and what a page of the log has. */
  async function followed(behind: number, most = 100) {
    const after = Number(await advance()) - behind;
    return {
      make: async (hold = false) => {
        const { rows } = await reader.query('select * from realtime.follow($1, $2, $3)', [after, most, hold]);
        await reader.query('select pg_advisory_unlock_all()');
        const page = await db.query('select * from realtime.read($1, 100)', [after]);
        return { newest: Number(rows[0].seq) - after, first: rows[0], entries: rows.slice(1), page };
      },
    };
  }

  it.each([
    ['who has read all before', 0, false],
    ['who is behind', 2, false],
    ['who has read all before, under load', 0, true],
  ])('numbers, and reads on as a page of the log is read, for a reader %s', async (who, behind, hold) => {
    await emit(2);
    await advance();
    await writer.query('begin');
    await emit();
    await db.query(`insert into bounties (title, created_by) values ('before', 'p')`);
    const { make } = await followed(behind);
    await emit();
    await db.query(`insert into bounties (title, created_by) values ('meanwhile', 'p')`);
    await writer.query('commit');
    await db.query(`insert into lobbies (code, host_id) values ('${who}', 'h')`);
    const { newest, first, entries, page } = await make(hold);
    expect(newest).toBe(behind + 4);
    expect(first).toMatchObject({ type: null, data: null, failed: hold });
    expect(entries).toHaveLength(behind + 4);
    expect(entries).toEqual(page);
  });

  it.each([0, 1])('sends nothing of what is more than a page, %i behind', async (behind) => {
    const { make } = await followed(behind, 3);
    await emit(4);
    expect(await make()).toMatchObject({ newest: behind + 4, entries: [] });
  });

  it.each([
    ['', false],
    [', under load', true],
  ])('reads on while another numbers%s', async (_when, hold) => {
    const { make } = await followed(1);
    await emit();
    await other.query('begin');
    await advance(other);
    const { first, entries } = await make(hold);
    await other.query('commit');
    expect(first.seq).toBeNull();
    expect(entries).toHaveLength(1);
  });
});
