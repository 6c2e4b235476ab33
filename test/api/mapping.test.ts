import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalog, mapCatalog, type Mapping } from '../../src/catalog/index.js';
import { run } from '../../src/cli/program.js';
import { connectClient } from '../../src/database/client.js';
import { migrate } from '../../src/database/migrate.js';
import { createServer, OperatorError, type Server } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ioClient, rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { documentedRows, makeRenamedTables, mapping, renamedRows, type Rows } from '../support/renamed.js';

let documented: TestDatabase;
let renamed: TestDatabase;
let folder: string;
let server: Server;
let at: { url: string; wsUrl: string };

const cwd = process.cwd();

async function install(database: TestDatabase, over = catalog): Promise<void> {
  const client = await connectClient({ url: database.url, applicationName: 'test' });
  await migrate(client, { catalog: over });
  await client.end();
}

const create = (database: TestDatabase, names: Mapping) =>
  createServer({
    mapping: names,
    env: {},
    settings: { DATABASE_URL: database.url, PORT: 0, HASHI_DRAIN_MS: 50 },
    logger: createLogger({ level: 'silent', format: 'json' }),
    authenticate: (token) => ({ playerId: token }),
  });

beforeAll(async () => {
  [documented, renamed] = await Promise.all([createDatabase(), createDatabase()]);
  await makeRenamedTables(renamed);
  await Promise.all([install(documented), install(renamed, mapCatalog(catalog, mapping))]);
  folder = await mkdtemp(join(tmpdir(), 'hashi-mapping-'));
  await writeFile(join(folder, 'hashi-socket.config.mjs'), `export default ${JSON.stringify({ mapping })};`);
});
afterAll(async () => {
  process.chdir(cwd);
  await server?.stop();
  await Promise.all([documented.drop(), renamed.drop(), rm(folder, { recursive: true })]);
});

async function hashi(...args: string[]) {
  process.chdir(folder);
  let out = '';
  let err = '';
  const before = process.env['DATABASE_URL'];
  process.env['DATABASE_URL'] = renamed.url;
  const code = await run(args, { out: (text) => (out += text), err: (text) => (err += text) });
  if (before === undefined) delete process.env['DATABASE_URL'];
  else process.env['DATABASE_URL'] = before;
  process.chdir(cwd);
  return { code, out, err };
}

const uuid = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const lobby = uuid(1);
const [contract, file, bounty] = [uuid(2), uuid(3), uuid(4)];
const when = '2026-01-02T03:04:05.678Z';

/** Everything the catalogue tells of, once. */
async function live({ insert, update, remove }: Rows): Promise<void> {
  const times = { created_at: when, updated_at: when };
  await insert('lobbies', { id: lobby, code: 'MAP1', host_id: 'p1', visibility: 'public', ...times });
  await insert('lobby_participants', { lobby_id: lobby, player_id: 'p1', created_at: when });
  await insert('lobby_participants', { lobby_id: lobby, player_id: 'p2', created_at: when });
  await update('lobby_participants', { player_id: 'p3' }, { player_id: 'p2' });
  await insert('contracts', { id: contract, lobby_id: lobby, stake_amount: '1', mediator_id: 'm', ...times });
  for (const status of ['initializing', 'initialized'])
    await update('contracts', { status }, { id: contract });
  await insert('contract_players', { contract_id: contract, player_id: 'p1', funded_at: when, ...times });
  await update('contract_players', { attested_at: when }, { player_id: 'p1' });
  for (const column of [
    'contested_at',
    'mediation_submitted_at',
    'admin_decided_at',
    'payout_finalized_at',
  ]) {
    await update('contracts', { [column]: when }, { id: contract });
  }
  const upload = { contract_id: contract, player_id: 'p1', size_bytes: '9007199254740993', ...times };
  await insert('storage', { id: file, kind: 'external_url', ...upload });
  await insert('storage', { id: uuid(5), kind: 'presigned_url', presigned_url: 'secret', ...upload });
  await insert('storage', { id: uuid(6), kind: 'multipart', ...upload });
  await update('storage', { status: 'completed' }, { id: uuid(6) });
  await update('storage', { status: 'aborted' }, { id: uuid(6) });
  await remove('storage', { contract_id: contract });
  await insert('bounties', { id: bounty, lobby_id: lobby, title: 't', created_by: 'p1', ...times });
  for (const column of ['claimed_at', 'completed_at', 'cancelled_at']) {
    await update('bounties', { [column]: when }, { id: bounty });
  }
  await remove('bounties', { id: bounty });
  await update('contracts', { mediator_id: 'n' }, { id: contract });
  await update('lobbies', { visibility: 'private' }, { id: lobby });
  await update('contracts', { deleted_at: when }, { id: contract });
  await remove('lobby_participants', { player_id: 'p3' });
  await remove('contracts', { id: contract });
  await remove('lobbies', { id: lobby });
}

const written = async (database: TestDatabase) =>
  (
    await database.query(
      `select type, room, player, effect, member, failure,
         regexp_replace(data, '"timestamp":"[^"]*"', '"timestamp":"…"') as data
       from realtime.events order by id`,
    )
  ).map(({ data, ...rest }) => ({ ...rest, data: data && JSON.parse(data) }));

it('writes the documented events, keys and rooms from tables and columns of other names', async () => {
  await live(documentedRows(documented));
  await live(renamedRows(renamed));

  const events = await written(renamed);
  expect(events).toEqual(await written(documented));
  const types = new Set(events.map(({ type }) => type));
  for (const family of catalog.families) {
    for (const type of Object.keys(family.events)) expect(types).toContain(type);
  }
  expect(types).toContain('realtime.rights');
  expect(types).not.toContain('realtime.quarantined');
  expect(JSON.stringify(events)).not.toMatch(/The |secret/);
});

it('serves memberships, subscriptions and their end from them', async () => {
  const { insert, update, remove } = renamedRows(renamed);
  await insert('lobbies', { id: lobby, code: 'MAP2' });
  await insert('lobby_participants', { lobby_id: lobby, player_id: 'p1' });
  await insert('contracts', { id: contract, lobby_id: lobby, mediator_id: 'm' });
  server = create(renamed, mapping);
  const { url } = await server.start();
  at = { url, wsUrl: url.replace('http', 'ws') };

  const player = rawClient(at, 'p1');
  const mediator = ioClient(at, 'm');
  const stranger = rawClient(at, 'x');
  const greeting = { lobbies: [{ lobbyId: lobby, lobbyCode: 'MAP2' }] };
  expect(await player.next('connected')).toMatchObject({ data: greeting });
  await Promise.all([mediator.next('connected'), stranger.next('connected')]);
  expect(await mediator.socket.emitWithAck('subscribe', { lobbyId: 'MAP2' })).toMatchObject({ ok: true });
  stranger.send({ type: 'subscribe', data: { lobbyId: lobby }, id: 1 });
  expect(await stranger.next()).toMatchObject({ data: { code: 'SUBSCRIBE_DENIED' } });

  await insert('lobby_participants', { lobby_id: lobby, player_id: 'p2' });
  await Promise.all([player.next('lobby.joined'), mediator.next('lobby.joined')]);
  await update('contracts', { mediator_id: null }, { id: contract });
  await remove('lobby_participants', { player_id: 'p2' });
  await player.next('lobby.left');
  await update('contracts', { status: 'initialized' }, { id: contract });
  const seen = (await mediator.until('contract.initialized')).map(({ data }) => data.type);
  expect(seen).not.toContain('lobby.left');
  player.send({ type: 'unsubscribe', data: { lobbyId: 'MAP2' }, id: 2 });
  expect(await player.next()).toMatchObject({ data: { type: 'contract.initialized' } });
  expect(await player.next()).toMatchObject({ type: 'ack' });
  for (const one of [player, mediator, stranger]) one.close();
});

describe('the commands, beside a hashi-socket.config that has the mapping', () => {
  it('find nothing to do and nothing wrong', async () => {
    expect(await hashi('migrate')).toMatchObject({ code: 0, out: 'The database is up to date.\n' });
    const { out } = await hashi('doctor', '--json');
    const { results } = JSON.parse(out) as { results: { check: string; status: string }[] };
    const of = (name: string) => results.filter(({ check }) => check === name).map(({ status }) => status);
    for (const check of ['rights', 'schema', 'columns', 'functions', 'triggers'])
      expect(of(check)).toEqual(['ok']);
  });

  it('explain an event by the rows under their other names', async () => {
    const [{ seq }] = await renamed.query(
      `select seq from realtime.read(0, 1000) where type = 'lobby.joined' and room = 'lobby:${lobby}' order by seq desc limit 1`,
    );
    const why = async (player: string) => (await hashi('why', String(seq), player, '--json')).out;
    expect(JSON.parse(await why('p1'))).toMatchObject({ sent: 'yes', rule: 'member' });
    // A right has ended since then, and so it may have had one.
    expect(JSON.parse(await why('x'))).toMatchObject({ sent: 'subscription', rule: 'not-a-member' });
  });

  it('name what is missing by its other name', async () => {
    await renamed.query('alter table game.all_contracts rename column "The chain_id" to "Another"');
    const { code, out } = await hashi('doctor');
    expect(code).toBe(1);
    expect(out).toContain('Missing: game.all_contracts.The chain_id');
    await renamed.query('alter table game.all_contracts rename column "Another" to "The chain_id"');
  });
});

describe('a mapping', () => {
  it('never makes tables: what it names must be there', async () => {
    const empty = await createDatabase();
    const failing = create(empty, { tables: { contracts: { columns: { lobby_id: 'room_id' } } } });
    await expect(failing.start()).rejects.toThrow(/missing the table public\.contracts.*correct the mapping/);
    expect(await empty.query(`select tablename from pg_tables where schemaname = 'public'`)).toEqual([]);
    await empty.drop();
  });

  it.each<[string, unknown, RegExp]>([
    ['a table that is none', { tables: { lobbys: 'rooms' } }, /names the table "lobbys".*lobbies/],
    [
      'a column that is none',
      { tables: { contracts: { columns: { lobby: 'x' } } } },
      /"lobby" of "contracts"/,
    ],
    [
      'two tables of one name',
      { tables: { contracts: 'lobbies' } },
      /"lobbies" and "contracts" the same name/,
    ],
    [
      'two columns of one name',
      { tables: { contracts: { columns: { token: 'address' } } } },
      /two columns of "contracts" the same name, "address"/,
    ],
    ['no name', { tables: { contracts: 'game.' } }, /calls the table "contracts" "game\."/],
  ])('is refused in a sentence when it gives %s', (_what, wrong, sentence) => {
    expect(() => mapCatalog(catalog, wrong as Mapping)).toThrow(OperatorError);
    expect(() => mapCatalog(catalog, wrong as Mapping)).toThrow(sentence);
  });

  it('is refused where the documented tables are left out', () => {
    expect(() => createServer({ env: {}, documentedFamilies: false, mapping: {} })).toThrow(
      /take one of the two away/,
    );
  });
});

it('keeps two tables apart whose schema and name run together alike', async () => {
  const { functionNameOf } = await import('../../src/catalog/function-name.js');
  const names = [
    functionNameOf({ schema: 'public', name: 'a_b_c' }),
    functionNameOf({ schema: 'a', name: 'b_c' }),
    functionNameOf({ schema: 'a_b', name: 'c' }),
    functionNameOf({ schema: 'a', name: `${'x'.repeat(60)}1` }),
    functionNameOf({ schema: 'a', name: `${'x'.repeat(60)}2` }),
  ];
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name.length).toBeLessThan(75);
});
