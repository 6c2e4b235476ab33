/** What clients are told when the database has been restored into another cluster, under the same address. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import { connectClient } from '../../src/database/client.js';
import { startEmbedded, type EmbeddedPostgres } from '../../src/database/embedded.js';
import { migrate } from '../../src/database/migrate.js';
import { ioClient, rawClient, type Message } from '../support/clients.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';
import { expectServed, expectServedAgain, summonWitnesses, type Witnesses } from './support/witnesses.js';

let dataDir: string;
let first: EmbeddedPostgres;
let second: EmbeddedPostgres;
let address: TcpProxy;
let server: TestServer;
let witnesses: Witnesses;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-another-'));
  [first, second] = (await Promise.all(
    ['first', 'second'].map((name) => startEmbedded({ dataDir: join(dataDir, name), tuning: 'test' })),
  )) as [EmbeddedPostgres, EmbeddedPostgres];
  address = await startProxy(first.url);
  server = await startServer(address.through(first.url));
  witnesses = await summonWitnesses(server);
});
afterAll(async () => {
  witnesses.close();
  await server.stop();
  await address.stop();
  await Promise.all([first.stop(), second.stop()]);
  await rm(dataDir, { recursive: true, force: true });
});

async function query(url: string, sql: string): Promise<any[]> {
  const client = await connectClient({ url, applicationName: 'service' });
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
const write = async (url: string): Promise<string> =>
  (await query(url, 'insert into contracts default values returning id'))[0].id;
const about = (id: string) => (message: Message) => message.data?.contractId === id;
const isError = (code: string) => (message: Message) => message.data?.code === code;

/** The second one's address, for those who know the first one's password. */
function restoredUrl(): string {
  const url = new URL(first.url);
  url.port = String(second.port);
  return url.href;
}

/** As a dump of the whole database does: tables and rows, what the log says of itself, and nobody's triggers fire. */
async function restore(): Promise<void> {
  const client = await connectClient({ url: second.url, applicationName: 'operator' });
  try {
    await migrate(client, { catalog });
    const [state] = await query(first.url, 'select epoch, cluster, floor, secret from realtime.state');
    await client.query('delete from realtime.state');
    await client.query('insert into realtime.state (epoch, cluster, floor, secret) values ($1, $2, $3, $4)', [
      state.epoch,
      state.cluster,
      state.floor,
      state.secret,
    ]);
    await client.query('set session_replication_role = replica');
    for (const { id } of await query(first.url, 'select id from contracts')) {
      await client.query('insert into contracts (id) values ($1)', [id]);
    }
    // The same address, so the same password.
    const { username, password } = new URL(first.url);
    await client.query(`alter role ${username} password '${decodeURIComponent(password)}'`);
  } finally {
    await client.end();
  }
}

it('is another log: who is connected is told, and so is who resumes, and nothing comes as an event that is none', async () => {
  const kept = await write(first.url);
  const { id: since = '' } = await witnesses.raw.next(about(kept));
  await witnesses.io.next(about(kept));
  const returning = ioClient(server, await server.token('returning'));
  await returning.next('connected');

  address.refuse();
  address.cut();
  await expectServed({ server, witnesses }, 503);
  returning.socket.io.engine.close();
  await restore();
  address.retarget(restoredUrl());
  address.heal();
  for (const client of [witnesses.raw, witnesses.io]) await client.next(isError('RESYNC_REQUIRED'));
  await expectServedAgain({ server, witnesses });
  const epochs = await Promise.all(
    [first.url, restoredUrl()].map(
      async (url) => (await query(url, 'select epoch from realtime.state'))[0].epoch,
    ),
  );
  expect(epochs[0]).not.toBe(epochs[1]);

  const resumer = rawClient(server, await server.token('resumer'), { since });
  expect((await resumer.next('connected')).data.recovered).toBe(false);
  await resumer.next(isError('RESUME_FAILED'));
  await returning.next(isError('RESUME_FAILED'));
  const later = await write(restoredUrl());
  for (const client of [witnesses.raw, witnesses.io, resumer, returning]) {
    const before = await client.until(about(later));
    expect(before.filter(({ type }) => type.endsWith(':event'))).toHaveLength(1);
  }
  expect(witnesses.contracts()).toEqual([
    [kept, later],
    [kept, later],
  ]);
  expect(witnesses.lost()).toBe(0);
  resumer.close();
  returning.close();
});
