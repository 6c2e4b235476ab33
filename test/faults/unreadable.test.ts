/** What becomes of an entry of the log that no instance can read: it is a gap that is told, and the log goes on. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/program.js';
import { metric } from '../hostile/observe.js';
import { rawClient, type Message } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { expectServed, summonWitnesses } from './support/witnesses.js';

let database: TestDatabase;
let server: TestServer;
beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

const ours = '"origin":"x","prefix":"hashi-socket"';
const codes = (messages: readonly Message[]) =>
  messages.map(({ type, data }) => (data.code ?? data.type ?? type) as string);

it.each([
  ['no JSON', 'not json'],
  ['no object', 'null'],
  ['nothing of a message', `{${ours},"n":1}`],
  ['no rooms', `{${ours},"n":2,"message":{"type":3,"nsp":"/","target":{},"packet":{"data":[]}}}`],
  [
    'rooms that are none',
    `{${ours},"n":3,"message":{"type":3,"nsp":"/","target":{"rooms":7,"except":null},"packet":{"data":[]}}}`,
  ],
  ['no data', `{${ours},"n":4,"message":{"type":3,"nsp":"/","target":{"rooms":[],"except":[]},"packet":{}}}`],
  ['a move to nowhere', `{${ours},"n":5,"message":{"type":4,"nsp":"/","target":{"rooms":[],"except":[]}}}`],
])('an entry that is %s is told as RESYNC_REQUIRED, live and in a replay', async (_what, entry) => {
  const witnesses = await summonWitnesses(server);
  const { cursor: since } = witnesses.raw.messages[0]!.data;
  const counted = await metric(server, 'hashi_quarantined_total');
  await database.query(`select realtime.adapter_append(array[$1::text], array['*'])`, [entry]);
  const [{ id }] = await database.query('insert into contracts default values returning id');
  const isContract = (message: Message) => message.data?.contractId === id;
  const told = ['RESYNC_REQUIRED', 'contract.created'];
  for (const client of [witnesses.raw, witnesses.io]) {
    expect(codes(await client.until(isContract))).toEqual(told);
  }
  const again = rawClient(server, await server.token('again'), { since });
  expect((await again.next('connected')).data.recovered).toBe(true);
  expect(codes(await again.until(isContract))).toEqual(told);
  again.close();

  // Counted, logged, and no reason to lose anybody.
  expect(await metric(server, 'hashi_quarantined_total')).toBe(counted + 1);
  expect(server.logs.join('')).toContain('an entry of the log cannot be read');
  await witnesses.expectAll([id]);
  await expectServed({ server, witnesses }, 200);
  witnesses.close();
});

it('and doctor lists them, with what to do', async () => {
  const { rows } = await database.pool.query<{ seq: string }>(
    `select l.seq from realtime.log l join realtime.events e on e.id = l.event_id
     where e.type = 'realtime.adapter' order by l.seq desc`,
  );
  vi.stubEnv('DATABASE_URL', database.url);
  let out = '';
  await run(['doctor', '--json'], { out: (text) => (out += text), err: () => undefined });
  vi.unstubAllEnvs();
  const { results } = JSON.parse(out) as { results: { check: string; detail: string }[] };
  const found = results.find(({ check }) => check === 'unreadable');
  expect(found).toMatchObject({ status: 'failed', fix: expect.stringContaining('adapter_append') });
  expect(found?.detail).toContain(`${rows.length} of the adapter's newest ${rows.length} entries`);
  for (const { seq } of rows.slice(0, 5)) expect(found?.detail).toContain(`#${seq} `);
});
