/** That an instance that was away for longer than the log is kept tells its clients so, and goes on from there. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Message } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';
import { expectServed, expectServedAgain, summonWitnesses, type Witnesses } from './support/witnesses.js';

let database: TestDatabase;
let proxy: TcpProxy;
/** The only one, which loses its database for a time. */
let server: TestServer;
let witnesses: Witnesses;

beforeAll(async () => {
  database = await createDatabase();
  proxy = await startProxy(database.url);
  server = await startServer(proxy.through(database.url));
});
afterAll(async () => {
  await server.stop();
  await proxy.stop();
  await database.drop();
});
beforeEach(async () => {
  witnesses = await summonWitnesses(server);
});
afterEach(() => witnesses.close());

const write = async (): Promise<string> =>
  (await database.query('insert into contracts default values returning id'))[0].id;
const head = async (): Promise<number> =>
  Number((await database.query('select max(seq) as seq from realtime.log'))[0].seq ?? 0);
const told = (messages: readonly Message[]) =>
  messages.filter(({ type }) => type !== 'pong').map(({ data }) => (data.code ?? data.contractId) as string);

it('tells its clients to read the state again, before anything that follows the hole', async () => {
  const seen = await write();
  await witnesses.expectAll([seen]);
  proxy.refuse();
  proxy.cut();
  await expectServed({ server, witnesses }, 503);

  const floorOf = async () => Number((await database.query('select floor from realtime.kept()'))[0].floor);
  const place = await head();
  // A slot is left once something is in it, and emptied when all eight have been gone round.
  while ((await floorOf()) <= place) {
    await write();
    const before = await head();
    await expect
      .poll(async () => (await database.query('select realtime.advance() as head'))[0].head)
      .not.toBeNull();
    expect(await head()).toBeGreaterThanOrEqual(before);
    await database.query(`select realtime.rotate(interval '0', 1)`);
  }
  for (let count = 0; count < 3; count++) await write();

  proxy.heal();
  for (const client of [witnesses.raw, witnesses.io]) {
    // Before anything that follows the hole.
    const before = await client.until(({ data }) => data?.code === 'RESYNC_REQUIRED');
    expect(told(before).filter((what) => what !== seen)).toEqual(['RESYNC_REQUIRED']);
  }
  const end = await write();
  for (const client of [witnesses.raw, witnesses.io]) {
    expect(told(await client.until(({ data }) => data?.contractId === end)).at(-1)).toBe(end);
  }
  await expectServedAgain({ server, witnesses });
});
