/** An event that is larger than may be sent: told in its place, and no reason to lose what comes after it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drivers } from '../conformance/drivers.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { metric } from './observe.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url, { HASHI_MAX_EVENT_BYTES: '2048' });
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

describe.each(drivers)('$name', (driver) => {
  it('is told RESYNC_REQUIRED in place of an event over HASHI_MAX_EVENT_BYTES, and gets the next one', async () => {
    const before = await metric(server, 'hashi_dropped_oversize_events_total');
    const client = driver.connect(server, await server.token('p1'));
    await client.next('connected');
    await database.query(`insert into contracts (address, terms) values ('large', $1)`, [
      { filler: 'x'.repeat(4000) },
    ]);
    await database.query(`insert into contracts (address) values ('small')`);
    const seen = await client.until('contract.created');
    expect(seen.map(({ type, data }) => data.code ?? `${type} ${data.payload?.address}`)).toEqual([
      'RESYNC_REQUIRED',
      'contract:event small',
    ]);
    expect(await metric(server, 'hashi_dropped_oversize_events_total')).toBe(before + 1);
    client.close();
  });
});
