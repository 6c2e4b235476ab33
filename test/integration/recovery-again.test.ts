/** A stock Socket.IO client that recovers after hours, and again and again, each time by a token that is good. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { ioClient, type IoClient, type Message } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';

let dataDir: string;
let database: TestDatabase;
let servers: [TestServer, TestServer];
/** The load balancer. */
let front: TcpProxy;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-'));
  database = await createDatabase();
  const start = () => startServer(database.url, { HASHI_DATA_DIR: dataDir });
  servers = [await start(), await start()];
  front = await startProxy(servers[0].url);
});
afterAll(async () => {
  await front.stop();
  await Promise.all(servers.map((server) => server.stop()));
  await database.drop();
  await rm(dataDir, { recursive: true, force: true });
});

const write = async (): Promise<string> =>
  (await database.query('insert into contracts default values returning id'))[0].id;
const isContract = (id: string) => (message: Message) => message.data?.contractId === id;
const contracts = (messages: readonly Message[]) =>
  messages.flatMap(({ type, data }) => (type === 'contract:event' ? [data.contractId as string] : []));

/** A client that asks for a token whenever it connects, as one that is open for hours has to. */
function connect(token: () => Promise<string>): IoClient {
  const client = ioClient({ url: front.through(servers[0].url) }, undefined, {
    auth: (send: (auth: object) => void) => void token().then((value) => send({ token: value })),
  });
  onTestFinished(() => client.close());
  return client;
}

/** The connection is cut, something happens, and the way back leads to `server`. */
async function away(client: IoClient, server: TestServer, meanwhile: () => Promise<void>): Promise<void> {
  const gone = new Promise((resolve) => client.socket.once('disconnect', resolve));
  front.refuse();
  front.cut();
  await gone;
  await meanwhile();
  front.retarget(server.url);
  front.heal();
}

/** Everything is numbered: what is to be looked at is in the log. */
async function numbered(): Promise<void> {
  await expect
    .poll(async () => (await database.query('select realtime.advance() as head'))[0].head)
    .not.toBeNull();
}

/** So many hours go by: what the log holds was numbered that much earlier, and whoever tends it has done so since. */
async function pass(hours: number): Promise<void> {
  await numbered();
  // Rows of the past are what the constraint is against.
  await database.query('alter table realtime.ticks drop constraint if exists not_from_another_database');
  await database.query(`update realtime.ticks set at = at - interval '${hours} hours'`);
  await database.query(`select realtime.rotate(interval '24 hours', 10000000)`);
}

it('recovers after hours without an event and hours away, on another instance, and not past retention', async () => {
  const token = () => servers[0].token('patient');
  const client = connect(token);
  await client.next('connected');
  await client.next(isContract(await write()));
  const { id } = client.socket;
  await pass(11);

  const missed: string[] = [];
  await away(client, servers[1], async () => {
    missed.push(await write(), await write());
    await pass(11);
    missed.push(await write());
  });
  expect((await client.next('connected')).data.recovered).toBe(true);
  expect(client.socket).toMatchObject({ recovered: true, id });
  let end = await write();
  expect(contracts(await client.until(isContract(end)))).toEqual([...missed, end]);

  // The same again, for longer than the log is kept.
  await away(client, servers[0], async () => {
    await write();
    await pass(25);
  });
  expect((await client.next('connected')).data.recovered).toBe(false);
  expect(await client.next()).toMatchObject({ type: 'error', data: { code: 'RESUME_FAILED' } });
  end = await write();
  expect(contracts(await client.until(isContract(end)))).toEqual([end]);
});

it('has its token checked at every recovery, and recovers with everything once it has a good one again', async () => {
  const good = () => servers[0].token('checked');
  let token = good;
  let asked = 0;
  const client = connect(() => {
    asked++;
    return token();
  });
  await client.next('connected');
  await client.next(isContract(await write()));
  const { id } = client.socket;

  for (const server of [servers[1], servers[0], servers[1]]) {
    const missed: string[] = [];
    await away(client, server, async () => void missed.push(await write(), await write()));
    expect((await client.next('connected')).data.recovered).toBe(true);
    expect(client.socket).toMatchObject({ recovered: true, id });
    const end = await write();
    expect(contracts(await client.until(isContract(end)))).toEqual([...missed, end]);
  }
  expect(asked).toBeGreaterThanOrEqual(4);

  const refused = () =>
    new Promise<Error>((resolve) => client.socket.once('connect_error', resolve)).then((error) => error);
  const missed: string[] = [];
  // Run out beyond the leeway.
  token = () => servers[0].token('checked', { expiresInSeconds: -60 });
  let refusal = refused();
  await away(client, servers[0], async () => void missed.push(await write()));
  while ((await refusal).message !== 'Authentication failed') refusal = refused(); // the way was cut
  expect(await refusal).toMatchObject({ data: { code: 'AUTH_ERROR' } });
  token = async () => `${await good()}x`;
  refusal = refused();
  client.socket.connect();
  expect(await refusal).toMatchObject({ message: 'Authentication failed', data: { code: 'AUTH_ERROR' } });
  expect(client.socket.connected).toBe(false);

  missed.push(await write());
  token = good;
  client.socket.connect();
  expect((await client.next('connected')).data.recovered).toBe(true);
  expect(client.socket).toMatchObject({ recovered: true, id });
  const end = await write();
  expect(contracts(await client.until(isContract(end)))).toEqual([...missed, end]);
});

it('gets nothing of a session that it shows with a token of another player, however often it has recovered', async () => {
  let player = 'owner';
  const client = connect(() => servers[0].token(player));
  await client.next('connected');
  await client.next(isContract(await write()));
  for (const server of [servers[1], servers[0]]) {
    await away(client, server, async () => undefined);
    expect((await client.next('connected')).data.recovered).toBe(true);
  }
  const { id } = client.socket;
  const [{ id: lobby }] = await database.query(`insert into lobbies (code) values ('OWN') returning id`);
  await away(client, servers[1], async () => {
    await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'owner')`, [
      lobby,
    ]);
    player = 'other';
  });
  expect((await client.next('connected')).data).toMatchObject({ playerId: 'other', recovered: false });
  expect(client.socket.recovered).toBe(false);
  expect(client.socket.id).not.toBe(id);
  expect(await client.next()).toMatchObject({ type: 'error', data: { code: 'RESUME_FAILED' } });
  await client.next(isContract(await write()));
  expect(client.messages.filter(({ type }) => type === 'lobby:event')).toEqual([]);
});
