import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

let db: MigratedDatabase;
/** A session that has planned everything before the tables are changed. */
let session: pg.Client;
let lobby: string;

beforeAll(async () => {
  db = await createMigratedDatabase();
  session = await db.connect();
});
afterAll(() => db.drop());

beforeEach(async () => {
  lobby = (await session.query(`insert into lobbies (code) values ('${randomUUID()}') returning id`)).rows[0]
    .id;
  for (let round = 0; round < 6; round++) {
    await session.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [
      lobby,
      `p${round}`,
    ]);
    const { rows } = await session.query('insert into contracts (lobby_id) values ($1) returning id', [
      lobby,
    ]);
    await session.query(`update contracts set status = 'initialized' where id = $1`, [rows[0].id]);
    await session.query(
      `insert into storage (contract_id, player_id, kind) values ($1, 'p', 'external_url')`,
      [rows[0].id],
    );
  }
});

/** Changes the tables, tries, and changes them back. */
async function broken<T>(
  change: string,
  back: string,
  attempt: (client: pg.ClientBase) => Promise<T>,
): Promise<T[]> {
  await db.query(change);
  try {
    // With plans from before the change, and without any.
    return [await attempt(session), await attempt(await db.connect())];
  } finally {
    await db.query(back);
  }
}

const newContract = async (client: pg.ClientBase) => {
  let id = '';
  const events = await db.written(async () => {
    id = (await client.query('insert into contracts default values returning id')).rows[0].id;
  });
  return { id, events };
};

describe('an event that cannot be built', () => {
  it.each([
    ['a renamed column', 'rename column chain_id to chain', 'rename column chain to chain_id'],
    ['a dropped column', 'drop column chain_id', 'add column chain_id int'],
  ])(
    'is quarantined by %s: the write succeeds and the entry takes its place',
    async (_name, change, back) => {
      const results = await broken(
        `alter table contracts ${change}`,
        `alter table contracts ${back}`,
        newContract,
      );
      for (const { id, events } of results) {
        expect(events).toMatchObject([
          {
            type: 'realtime.quarantined',
            room: '*',
            data: null,
            failure: {
              family: 'contract:event',
              table: 'public.contracts',
              operation: 'INSERT',
              sqlstate: '42703',
              key: { id },
            },
          },
        ]);
        expect(await db.query('select id from contracts where id = $1', [id])).toHaveLength(1);
      }
      expect((await newContract(session)).events.map(({ type }) => type)).toEqual(['contract.created']);
    },
  );

  it('holds nothing of the row but its key', async () => {
    const [result] = await broken(
      'alter table storage rename column object_key to object',
      'alter table storage rename column object to object_key',
      async (client) => {
        const [{ id }] = await db.query('insert into contracts default values returning id');
        return db.written(() =>
          client.query(
            `insert into storage (contract_id, player_id, kind, presigned_url) values ($1, 'p', 'presigned_url', 'secret')`,
            [id],
          ),
        );
      },
    );
    expect(result).toMatchObject([{ type: 'realtime.quarantined', failure: { table: 'public.storage' } }]);
    expect(JSON.stringify(result)).not.toContain('secret');
  });

  it('survives another type of a column: told, or quarantined where a session has old plans', async () => {
    const results = await broken(
      'alter table contracts alter column chain_id type text',
      'alter table contracts alter column chain_id type int using chain_id::int',
      newContract,
    );
    for (const { id, events } of results) {
      expect(events).toHaveLength(1);
      expect(['contract.created', 'realtime.quarantined']).toContain(events[0]?.type);
      expect(await db.query('select id from contracts where id = $1', [id])).toHaveLength(1);
    }
    expect(results[1]?.events[0]?.type).toBe('contract.created');
    // And back again, in the same session.
    expect((await newContract(session)).events[0]?.type).toBe('contract.created');
  });

  it('still ends the membership: its room is told, and the player’s are read again', async () => {
    const left = (player: string) => (client: pg.ClientBase) =>
      db.written(() =>
        client.query('delete from lobby_participants where lobby_id = $1 and player_id = $2', [
          lobby,
          player,
        ]),
      );
    let player = 0;
    const results = await broken(
      'alter table lobbies rename column name to title',
      'alter table lobbies rename column title to name',
      (client) => left(`p${player++}`)(client),
    );
    expect(results).toMatchObject(
      ['p0', 'p1'].map((member) => [
        { type: 'realtime.quarantined', room: `lobby:${lobby}`, effect: 'reset', member },
      ]),
    );
    expect(await db.query(`select from lobby_participants where lobby_id = $1`, [lobby])).toHaveLength(4);
  });

  it('ends the membership of the player who was in the row before an UPDATE, and of its new one', async () => {
    const [result] = await broken(
      'alter table lobbies rename column name to title',
      'alter table lobbies rename column title to name',
      (client) =>
        db.written(() =>
          client.query(
            `update lobby_participants set player_id = player_id || 'x' where lobby_id = $1 and player_id like 'p5%'`,
            [lobby],
          ),
        ),
    );
    expect(result).toMatchObject([
      { type: 'realtime.quarantined', effect: 'reset', member: 'p5', failure: { key: { player_id: 'p5' } } },
      {
        type: 'realtime.quarantined',
        effect: 'reset',
        member: 'p5x',
        failure: { key: { player_id: 'p5x' } },
      },
    ]);
  });

  it('still closes the room of a lobby that is deleted, and takes rights away', async () => {
    const [result] = await broken(
      'alter table lobbies rename column name to title',
      'alter table lobbies rename column title to name',
      (client) => db.written(() => client.query('delete from lobbies where id = $1', [lobby])),
    );
    expect(result).toContainEqual(
      expect.objectContaining({ type: 'realtime.quarantined', room: `lobby:${lobby}`, effect: 'close' }),
    );
  });

  it('takes rights away when their change cannot be told', async () => {
    const [result] = await broken(
      'alter table lobbies rename column visibility to seen',
      'alter table lobbies rename column seen to visibility',
      (client) => db.written(() => client.query(`update lobbies set status = status where id = $1`, [lobby])),
    );
    expect(result?.at(-1)).toMatchObject({
      type: 'realtime.rights',
      room: `lobby:${lobby}`,
      data: { public: false, mediators: [] },
    });
  });

  it('lets a lobby be deleted while its participants’ table is another', async () => {
    const [result] = await broken(
      'alter table lobby_participants rename column role to rank',
      'alter table lobby_participants rename column rank to role',
      (client) => db.written(() => client.query('delete from lobbies where id = $1', [lobby])),
    );
    expect(result).toContainEqual(expect.objectContaining({ room: `lobby:${lobby}`, effect: 'close' }));
    expect(await db.query('select from lobbies where id = $1', [lobby])).toEqual([]);
  });

  it('does not fail a write without the key column either', async () => {
    await db.query('alter table contract_players rename column player_id to player');
    try {
      const [{ id }] = await db.query('insert into contracts default values returning id');
      const events = await db.written(
        `insert into contract_players (contract_id, player, funded_at) values ($1, 'p', now())`,
        [id],
      );
      expect(events).toMatchObject([
        { type: 'realtime.quarantined', failure: { key: { contract_id: id, player_id: null } } },
      ]);
    } finally {
      await db.query('alter table contract_players rename column player to player_id');
    }
  });
});
