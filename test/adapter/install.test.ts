/** What the adapter makes in a database, and beside whom it works there. */
import pg from 'pg';
import { Server } from 'socket.io';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createAdapter } from '../../src/adapter/index.js';
import { catalog } from '../../src/catalog/index.js';
import { connectClient } from '../../src/database/client.js';
import { migrate } from '../../src/database/migrate.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { rawClient } from '../support/clients.js';
import { startServer } from '../support/server.js';
import { joinAs, named, startNode, startNodes, type Node } from './support.js';

let database: TestDatabase;
let nodes: Node[] = [];
const roles: string[] = [];

beforeEach(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  for (const node of nodes) await node.stop();
  nodes = [];
  for (const role of roles.splice(0)) {
    await database.query(`drop owned by ${role} cascade; drop role ${role}`);
  }
  await database.drop();
});

async function roleUrl(name: string): Promise<string> {
  const role = `${name}_${database.name}`;
  await database.query(`create role ${role} login nosuperuser password 'x'`);
  roles.push(role);
  const url = new URL(database.url);
  url.username = role;
  url.password = 'x';
  return url.href;
}

async function works(): Promise<void> {
  const [one, two] = nodes;
  if (!one || !two) throw new Error('two nodes');
  const client = await joinAs(two.url);
  one.io.emit('news', 'x'.repeat(9000));
  expect(named(await client.until('news'), 'news')).toHaveLength(1);
  expect(await one.io.fetchSockets()).toHaveLength(1);
  client.socket.disconnect();
}

it('makes the log by itself, though all start at once: no business tables, no triggers', async () => {
  nodes = await Promise.all([0, 1, 2, 3].map(() => startNode(database.url)));
  await works();
  expect(nodes.flatMap(({ errors }) => errors)).toEqual([]);
  expect(await database.query(`select 1 from pg_class where relnamespace = 'public'::regnamespace`)).toEqual(
    [],
  );
  expect(await database.query('select 1 from pg_trigger where not tgisinternal')).toEqual([]);
});

it('needs no superuser', async () => {
  const url = await roleUrl('owner');
  await database.query(`grant create on database ${database.name} to owner_${database.name}`);
  nodes = await startNodes(url, 2, { server: { connectionStateRecovery: {} } });
  await works();
  expect(nodes.flatMap(({ errors }) => errors)).toEqual([]);
});

it('connects as the pool does, with all that says where and as whom', async () => {
  const role = `maker_${database.name}`;
  await roleUrl('maker');
  await database.query(`grant create on database ${database.name} to ${role}`);
  const { hostname, port, username, password } = new URL(database.url);
  const pool = new pg.Pool({
    host: hostname,
    port: Number(port),
    user: username,
    // Fetched at every connection, as where passwords run out.
    password: async () => decodeURIComponent(password),
    database: database.name,
    options: `-c role=${role}`,
  });
  const adapter = createAdapter(pool);
  const io = new Server({ adapter });
  await adapter.ready();
  await io.of('/').adapter.close();
  await pool.end();
  expect(
    await database.query(
      `select nspowner::regrole::text as owner from pg_namespace where nspname = 'realtime'`,
    ),
  ).toEqual([{ owner: role }]);
});

it('runs as a role that may only execute its functions', async () => {
  await startNode(database.url).then((node) => node.stop());
  const url = await roleUrl('runner');
  await database.query(`grant usage on schema realtime to runner_${database.name};
    grant execute on all functions in schema realtime to runner_${database.name}`);
  nodes = await startNodes(url, 2, { adapter: { install: false }, server: { connectionStateRecovery: {} } });
  await works();
  expect(nodes.flatMap(({ errors }) => errors)).toEqual([]);
});

it('says what to do when its role may not make the schema', async () => {
  const url = await roleUrl('nobody');
  await expect(startNode(url)).rejects.toThrow(/GRANT CREATE ON DATABASE/);
});

it.each(['before', 'after'])('shares a database with the server, installed %s it', async (when) => {
  const install = async () => {
    const client = await connectClient({ url: database.url, applicationName: 'test' });
    await migrate(client, { catalog });
    await client.end();
  };
  if (when === 'before') await install();
  nodes = await startNodes(database.url, 2);
  if (when === 'after') await install();
  const server = await startServer(database.url);
  try {
    const client = rawClient(server, await server.token('player-1'));
    await client.next('connected');
    await works();
    nodes[0]?.io.emit('news', 'for sockets of the adapter');
    await database.query(
      `insert into lobbies (id, code, name, visibility) values (gen_random_uuid(), 'AAA', 'x', 'public')`,
    );
    await database.query(
      `insert into lobby_participants (lobby_id, player_id) select id, 'player-1' from lobbies`,
    );
    const messages = await client.until('lobby.joined');
    expect(JSON.stringify(messages)).not.toContain('news');
    client.close();
  } finally {
    await server.stop();
  }
});
