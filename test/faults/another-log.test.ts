/** What clients are told when the log has begun anew, and their instance has not found that yet. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import { connectClient } from '../../src/database/client.js';
import { migrate } from '../../src/database/migrate.js';
import { cursorOf } from '../../src/log/position.js';
import { rawClient, type Message } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';

/** The one that is followed, and the one that takes its place: it lacks the last of what the other has. */
let followed: TestDatabase;
let successor: TestDatabase;
let address: TcpProxy;
let server: TestServer;

beforeAll(async () => {
  followed = await createDatabase();
  const operator = await connectClient({ url: followed.url, applicationName: 'operator' });
  await migrate(operator, { catalog });
  await operator.end();
  await write(followed, 10);
  successor = await createDatabase(followed.name);
  await write(followed, 30);
  address = await startProxy(followed.url);
  // It has nothing of that in memory: all is replayed from the database.
  server = await startServer(address.through(followed.url));
});
afterAll(async () => {
  await server.stop();
  await address.stop();
  await Promise.all([followed.drop(), successor.drop()]);
});

async function write(database: TestDatabase, count = 1): Promise<string> {
  const rows = await database.query('insert into contracts select from generate_series(1, $1) returning id', [
    count,
  ]);
  await database.query('select realtime.advance()');
  return rows[0].id;
}
const told = (messages: readonly Message[]) =>
  messages.map(({ type, data }) => (data.type ?? data.code ?? type) as string);

it('is, of who resumes, nothing of the new log: its events are none of those that were missed', async () => {
  const [{ epoch }] = await followed.query('select epoch from realtime.state');
  // As another instance does, which has found it; numbers go on from where it was, and are given again.
  await successor.query('select realtime.ensure_epoch()');
  await write(successor, 30);
  address.rewrite(followed.name, successor.name);
  // All but the one that follows the log.
  await followed.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name like 'hashi-socket%' and application_name <> 'hashi-socket listener'`,
  );
  const resumer = rawClient(server, await server.token('resumer'), { since: cursorOf(epoch, 20) });
  await resumer.next('connected');
  await resumer.until(({ data }) => data?.code === 'RESUME_FAILED');
  const later = await write(followed);
  await resumer.until(({ data }) => data?.contractId === later);
  expect(told(resumer.messages)).toEqual(['connected', 'RESUME_FAILED', 'contract.created']);
  resumer.close();
});

it('is the new epoch, also where another instance has found it and the connection stood', async () => {
  const database = await createDatabase();
  const standing = await startServer(database.url);
  const client = rawClient(standing, await standing.token('standing'), { resume: '1' });
  const { data } = await client.next('connected');
  // In one go: else the numbers that are left out may be noticed before there is any.
  await database.query(`
    begin;
    update realtime.state set cluster = 'another';
    select realtime.ensure_epoch();
    insert into contracts default values;
    commit`);
  const [{ epoch }] = await database.query('select epoch from realtime.state');
  expect(String(data.cursor).startsWith(epoch)).toBe(false);
  await client.until(({ data }) => data?.code === 'RESYNC_REQUIRED');
  // Known by the cursors that it gives from then on; there may be a second RESYNC_REQUIRED before.
  await expect
    .poll(
      async () => {
        await write(database);
        return client.messages.some(({ id }) => id?.startsWith(epoch));
      },
      { timeout: 10_000 },
    )
    .toBe(true);
  client.close();
  await standing.stop();
  await database.drop();
});
