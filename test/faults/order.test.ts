/** That the log's order holds what commits in any order, and that it is followed without delay. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { untilOnlySweeping } from '../support/listener.js';
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

const insert = async (client: Pick<pg.PoolClient, 'query'>): Promise<string> => {
  const { rows } = await client.query<{ id: string }>('insert into contracts default values returning id');
  return rows[0]?.id ?? '';
};

describe('changes that commit in another order than they were made', () => {
  it('are all delivered: one that commits late is not skipped, and holds nothing back', async () => {
    const witnesses = await summonWitnesses(server);
    const late = await database.pool.connect();
    await late.query('begin');
    // Two at least: they come on one page.
    const early = [await insert(late), await insert(late)];
    const written = [await insert(database.pool), await insert(database.pool)];
    // Delivered while the other transaction, begun before them, is open still.
    await witnesses.expectAll(written);
    await expectServed({ server, witnesses }, 200);
    await late.query('commit');
    late.release();
    await witnesses.expectAll([...written, ...early]);
    witnesses.close();
  });

  it('are delivered when their transaction was open before the server was', async () => {
    const late = await database.pool.connect();
    await late.query('begin');
    const early = await insert(late);
    const another = await startServer(database.url);
    const witnesses = await summonWitnesses(another);
    await late.query('commit');
    late.release();
    await witnesses.expectAll([early]);
    witnesses.close();
    await another.stop();
  });

  it('are delivered at once, and not by the sweep, when nothing had happened for seconds', async () => {
    const witnesses = await summonWitnesses(server);
    const latencies: number[] = [];
    for (let round = 0; round < 3; round++) {
      const client = await database.pool.connect();
      await client.query('begin');
      const id = await insert(client);
      await untilOnlySweeping(database);
      const began = performance.now();
      await client.query('commit');
      client.release();
      await witnesses.raw.next((message) => message.data?.contractId === id);
      latencies.push(performance.now() - began);
    }
    // The sweep would take half a second on average, and be as quick as this once in a thousand times.
    expect(Math.min(...latencies)).toBeLessThan(100);
    witnesses.close();
  });
});
