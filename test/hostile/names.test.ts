/** Players and lobbies whose names mean something elsewhere, in SQL, in patterns, among our rooms or to a terminal: they are names. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/program.js';
import { drivers } from '../conformance/drivers.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { rawClient, type RawClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;
let victim: RawClient;
let lobbyId: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
  const [lobby] = await database.query(`insert into lobbies (code) values ('PRIVATE') returning id`);
  lobbyId = lobby?.id as string;
  await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'victim')`, [
    lobbyId,
  ]);
  victim = rawClient(server, await server.token('victim'));
  await victim.next('connected');
});
afterAll(async () => {
  victim.close();
  await server.stop();
  await database.drop();
});

const names = () => [
  `' or true --`,
  `x'; drop table lobbies; --`,
  `$1`,
  `\\`,
  `"`,
  '%',
  'victi_',
  'victim ',
  ' victim',
  'VICTIM',
  'victim\n',
  '{victim}',
  'victim,other',
  '*',
  'player:victim',
  lobbyId,
  `lobby:${lobbyId}`,
  '__proto__',
  'constructor',
  'null',
  '\u202evictim',
  'vi\u0307ctim',
  'x'.repeat(256),
];

it.each(drivers)('see what they are in, and nothing of others: $name', async (driver) => {
  const [own] = await database.query(
    `insert into lobbies (code) values (gen_random_uuid()::text) returning id`,
  );
  const players = await Promise.all(
    names().map(async (name) => {
      const client = driver.connect(server, await server.token(name));
      expect((await client.next('connected')).data).toMatchObject({ playerId: name, lobbies: [] });
      return { name, client };
    }),
  );
  for (const { name, client } of players) {
    expect(await client.ask('subscribe', { lobbyId: name })).toMatchObject({ ok: false });
  }
  // Nobody but the victim hears of this.
  await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, $2)`, [
    lobbyId,
    `friend by ${driver.name}`,
  ]);
  await victim.next(({ data }) => data.payload?.playerId === `friend by ${driver.name}`);
  // Each of them is somebody all the same.
  for (const { name } of players) {
    await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, $2)`, [
      own?.id,
      name,
    ]);
  }
  for (const { name, client } of players) {
    const seen = await client.until(({ data }) => data.payload?.playerId === names().at(-1));
    const joined = seen.filter(({ type }) => type === 'lobby:event');
    expect(joined.map(({ data }) => data.payload.playerId as string)).toEqual(
      names().slice(names().indexOf(name)),
    );
    client.close();
  }
  await database.query(`delete from lobbies where id = $1`, [own?.id]);
});

it.each([
  'tail --since 0 --no-follow',
  'tail --since 0 --no-follow --json',
  'why 1 PLAYER',
  'why 1 PLAYER --json',
])('do not steer the terminal of an operator: %s', async (line) => {
  const name = '\u001b]0;mine\u0007\u009b2J\r#1 forged\u202e';
  await database.query(
    `with lobby as (insert into lobbies (code, name) values ($1 || gen_random_uuid()::text, $1) returning id)
       insert into lobby_participants (lobby_id, player_id) select id, $1 from lobby`,
    [name],
  );
  vi.stubEnv('DATABASE_URL', database.url);
  let out = '';
  const take = (text: string) => void (out += text);
  const code = await run(
    line.split(' ').map((word) => word.replace('PLAYER', name)),
    { out: take, err: take },
  );
  vi.unstubAllEnvs();
  expect(code).toBe(0);
  expect(out).toContain('forged');
  expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
});
