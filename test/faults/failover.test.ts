/** What clients are told when the primary dies and a standby takes its place. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectClient } from '../../src/database/client.js';
import { startEmbedded, type EmbeddedPostgres } from '../../src/database/embedded.js';
import { rawClient, type Message } from '../support/clients.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';
import { startStandby, type Standby } from './support/standby.js';
import { expectServed, expectServedAgain, summonWitnesses, type Witnesses } from './support/witnesses.js';

let dataDir: string;
let primary: EmbeddedPostgres;
let standby: Standby;
/** Where the instances find the database, whichever that is. */
let address: TcpProxy;
/** What the standby follows the primary by. */
let replication: TcpProxy;
let servers: TestServer[];
let witnesses: Witnesses[];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-primary-'));
  primary = await startEmbedded({ dataDir, tuning: 'test' });
  address = await startProxy(primary.url);
  replication = await startProxy(primary.url);
  const client = await connectClient({ url: primary.url, applicationName: 'test' });
  standby = await startStandby(client, replication.through(primary.url));
  await client.end();
  const first = await startServer(address.through(primary.url));
  servers = [first, await startServer(address.through(primary.url))];
  witnesses = await Promise.all(servers.map((server) => summonWitnesses(server)));
});
afterAll(async () => {
  for (const witness of witnesses) witness.close();
  await Promise.all(servers.map((server) => server.stop()));
  await address.stop();
  await replication.stop();
  await standby.stop();
  await primary.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const watched = () => servers.map((server, at) => ({ server, witnesses: witnesses[at]! }));
const clients = () => witnesses.flatMap(({ raw, io }) => [raw, io]);
const about = (id: string) => (message: Message) => message.data?.contractId === id;
const isError = (code: string) => (message: Message) =>
  message.type === 'error' && message.data.code === code;
async function query(url: string, sql: string): Promise<any[]> {
  const client = await connectClient({ url, applicationName: 'service' });
  client.on('error', () => undefined); // dies with the primary, as it should
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
const write = async (url: string): Promise<string> =>
  (await query(url, 'insert into contracts default values returning id'))[0].id;
const epochOf = async (url: string) =>
  (await query(url, 'select epoch from realtime.state'))[0].epoch as string;

it('keeps its clients through a failover, begins a new epoch, and tells them to read the state again', async () => {
  const kept = await write(primary.url);
  const { id: since = '' } = await witnesses[0]!.raw.next(about(kept));
  await Promise.all(
    clients()
      .slice(1)
      .map((client) => client.next(about(kept))),
  );
  const epoch = await epochOf(primary.url);
  await expect
    .poll(async () => (await query(standby.url, `select from contracts where id = '${kept}'`)).length)
    .toBe(1);

  // The standby is behind: this one is told, and then lost with the primary.
  replication.refuse();
  replication.cut();
  const lost = await write(primary.url);
  await Promise.all(clients().map((client) => client.next(about(lost))));

  const gone = new Promise((resolve) => primary.onExit(resolve));
  process.kill(primary.pid, 'SIGQUIT');
  await gone;
  await expectServed(watched(), 503);
  // A standby that is not promoted yet is no place to go on.
  address.retarget(standby.url);
  await expectServed(watched(), 503);
  await standby.promote();

  // When memberships have been read, and nothing is missing any more.
  await Promise.all(clients().map((client) => client.next(isError('RESYNC_REQUIRED'))));
  await expectServedAgain(watched());
  // What they read now is what there is: not the lost one.
  expect(await query(standby.url, `select from contracts where id in ('${kept}', '${lost}')`)).toHaveLength(
    1,
  );
  expect(await epochOf(standby.url)).not.toBe(epoch);

  const token = await servers[1]!.token('resumer');
  const resumer = rawClient(servers[1]!, token, { since });
  expect((await resumer.next('connected')).data.recovered).toBe(false);
  await resumer.next(isError('RESUME_FAILED'));
  const later = [await write(standby.url), await write(standby.url)];
  for (const client of [...clients(), resumer]) {
    for (const id of later) await client.next(about(id));
  }
  resumer.close();
  for (const { messages } of clients()) {
    expect(messages.filter(isError('RESYNC_REQUIRED'))).toHaveLength(1);
  }
  for (const { raw, io } of witnesses) {
    expect(raw.ws.readyState).toBe(raw.ws.OPEN);
    expect(io.socket.connected && !io.socket.recovered).toBe(true);
    expect(io.messages.filter(({ type }) => type === 'connected')).toHaveLength(1);
  }
});
