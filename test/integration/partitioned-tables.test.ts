/** Business tables that their owner has partitioned: what Postgres tells triggers of, and what it does not. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import { checkPartitions } from '../../src/cli/checks/partitions.js';
import { checkTriggers } from '../../src/cli/checks/installed.js';
import { migrate, pendingSteps } from '../../src/database/migrate.js';
import { uninstall } from '../../src/database/uninstall.js';
import { createBareDatabase, type MigratedDatabase } from '../support/migrated.js';
import { makeTables } from '../support/renamed.js';

let db: MigratedDatabase;

/** Makes a table of the same columns that is partitioned, in the place of the one that was there. */
async function partition(table: string, key: string, by: string, ...partitions: string[]): Promise<void> {
  await db.query(`alter table ${table} rename to ${table}_before`);
  await db.query(
    `create table ${table} (like ${table}_before including defaults, primary key (${key})) partition by ${by}`,
  );
  await db.query(`drop table ${table}_before cascade`);
  for (const [index, values] of partitions.entries()) {
    await db.query(`create table ${table}_${index} partition of ${table} ${values}`);
  }
}
const halves = [0, 1].map((remainder) => `for values with (modulus 2, remainder ${remainder})`);

beforeAll(async () => {
  db = await createBareDatabase();
  await makeTables(db);
  await partition('contracts', 'id', 'hash (id)', ...halves);
  await partition('lobby_participants', 'lobby_id, player_id', 'hash (lobby_id)', ...halves);
  await partition('bounties', 'id, status', 'list (status)', `for values in ('open')`, 'default');
  await migrate(await db.connect(), { catalog });
});
afterAll(() => db.drop());

it('tells every transition of a partitioned table once, whichever partition the row is in', async () => {
  const ids = Array.from({ length: 8 }, (_, index) => `00000000-0000-4000-8000-00000000000${index}`);
  const types = await db.types(async () => {
    for (const id of ids) await db.query('insert into contracts (id) values ($1)', [id]);
    await db.query(`update contracts set status = 'initialized'`);
    await db.query(`update contracts_0 set contested_at = now()`);
    await db.query(`update contracts_1 set contested_at = now()`);
    await db.query('delete from contracts');
  });
  const count = (type: string) => types.filter((one) => one === type).length;
  for (const event of ['created', 'initialized', 'decision_contested', 'deleted']) {
    expect(count(`contract.${event}`)).toBe(8);
  }
  expect(types).toHaveLength(32);
});

it('tells of partitions that are made or attached later', async () => {
  await db.query('create table bounties_won (like bounties including all)');
  await db.query('alter table bounties detach partition bounties_1');
  await db.query(`alter table bounties attach partition bounties_won for values in ('won')`);
  await db.query('alter table bounties attach partition bounties_1 default');
  const types = await db.types(
    `insert into bounties (title, created_by, status) values ('a', 'p', 'won'), ('b', 'p', 'open'), ('c', 'p', 'else')`,
  );
  expect(types).toEqual(['bounty.created', 'bounty.created', 'bounty.created']);
});

it('takes a membership that moves to another partition for a leave and a join, as anywhere', async () => {
  // Which half an id belongs to hangs on the id alone: with fixed ones, some moves cross for certain.
  const lobbies = await db.query(
    `insert into lobbies (id, code)
       select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'P' || n from generate_series(1, 6) n
       returning id`,
  );
  await db.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'p')`, [lobbies[0].id]);
  let partitions = 0;
  for (const { id } of lobbies.slice(1)) {
    const [before] = await db.query('select tableoid, lobby_id from lobby_participants');
    const events = await db.written('update lobby_participants set lobby_id = $1', [id]);
    expect(events).toMatchObject([
      { type: 'lobby.left', effect: 'leave', room: `lobby:${before.lobby_id}`, member: 'p' },
      { type: 'lobby.joined', effect: 'join', room: `lobby:${id}`, member: 'p' },
    ]);
    const [after] = await db.query('select tableoid from lobby_participants');
    if (after.tableoid !== before.tableoid) partitions++;
  }
  expect(partitions).toBeGreaterThan(0);
});

it('takes a row that moves by another column for deleted and created, and doctor warns of such a table', async () => {
  await db.query(`insert into bounties (title, created_by) values ('moving', 'p')`);
  const types = await db.types(
    `update bounties set status = 'won', claimed_at = now() where title = 'moving'`,
  );
  expect(types).toEqual(['bounty.deleted', 'bounty.created']);

  const client = await db.connect();
  expect(await checkPartitions(client, catalog)).toMatchObject([
    {
      status: 'warning',
      detail: expect.stringMatching(/^public\.bounties is partitioned by LIST \(status\)/),
    },
  ]);
  expect(await checkTriggers(client, catalog)).toMatchObject([{ status: 'ok' }]);
  expect(await pendingSteps(client, catalog)).toEqual([]);
});

it('tells once that a partitioned table was truncated, and nothing of a partition truncated alone', async () => {
  expect(await db.types('truncate contracts')).toEqual(['realtime.truncated']);
  expect(await db.types('truncate bounties_0')).toEqual([]);
});

it('is uninstalled from every partition', async () => {
  const client = await db.connect();
  await uninstall(client);
  expect(await db.query('select tgname from pg_trigger where not tgisinternal')).toEqual([]);
  await db.query('insert into contracts default values');
});
