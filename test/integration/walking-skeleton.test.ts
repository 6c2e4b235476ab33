import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ioClient, rawClient } from '../support/clients.js';
import { createDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

let database: Awaited<ReturnType<typeof createDatabase>>;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

describe('a row, a trigger, a frame', () => {
  it('tells a raw and a Socket.IO client of a contract that was inserted with plain SQL', async () => {
    const token = await server.token('p1');
    const raw = rawClient(server, token);
    const io = ioClient(server, token);
    await Promise.all([raw.next('connected'), io.next('connected')]);

    const [row] = await database.query(
      `insert into contracts (stake_amount) values (1000000000000000000) returning id`,
    );
    const [byRaw, byIo] = await Promise.all([raw.next('contract.created'), io.next('contract.created')]);

    expect(Object.keys(byRaw)).toEqual(['type', 'data']);
    expect(byRaw).toMatchObject({
      type: 'contract:event',
      data: {
        type: 'contract.created',
        contractId: row?.id,
        payload: { stakeAmount: '1000000000000000000' },
      },
    });
    expect(byIo).toMatchObject({ type: byRaw.type, data: byRaw.data });
    raw.close();
    io.close();
  });
});
