/** What becomes of events that could not be built: told as a gap, then replayed or dropped by the command line. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/program.js';
import { ioClient, rawClient, type TestClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

let dataDir: string;
let database: TestDatabase;
let server: TestServer;
let clients: TestClient[];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-quarantine-'));
  database = await createDatabase();
  server = await startServer(database.url);
});
beforeEach(async () => {
  const token = await server.token('ann');
  clients = [rawClient(server, token), ioClient(server, token)];
  await Promise.all(clients.map((client) => client.next('connected')));
});
afterEach(async () => {
  for (const client of clients) client.close();
  await hashi('quarantine', 'drop', '--all');
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await server.stop();
  await database.drop();
  await rm(dataDir, { recursive: true, force: true });
});

async function hashi(...args: string[]) {
  vi.stubEnv('DATABASE_URL', database.url);
  vi.stubEnv('HASHI_DATA_DIR', dataDir);
  let out = '';
  const code = await run(args, { out: (text) => (out += text), err: (text) => (out += text) });
  return { code, out };
}
interface Listed {
  id: string;
  table: string;
  operation: string;
  key: Record<string, string>;
  types: string[];
  sqlstate: string;
}
const list = async () => JSON.parse((await hashi('quarantine', 'list', '--json')).out) as Listed[];

const query = async (sql: string, ...params: unknown[]) => (await database.query(sql, params))[0];
const both = (fits: Parameters<TestClient['next']>[0]) =>
  Promise.all(clients.map((client) => client.next(fits)));
/** Both are told that something could not be told. */
const gap = () => both(({ data }) => data?.code === 'RESYNC_REQUIRED');

async function whileRenamed(table: string, column: string, work: () => Promise<unknown>): Promise<void> {
  await database.query(`alter table ${table} rename column ${column} to another`);
  try {
    await work();
  } finally {
    await database.query(`alter table ${table} rename column another to ${column}`);
  }
}

describe('an event that could not be built', () => {
  it('is a gap first, and told to both kinds of clients once the cause is mended', async () => {
    let id = '';
    await whileRenamed('contracts', 'chain_id', async () => {
      ({ id } = await query(`insert into contracts (token) values ('T') returning id`));
      await gap();
      const early = await hashi('quarantine', 'replay', '--all');
      expect(early.code).toBe(1);
      expect(early.out).toMatch(/kept .*it still cannot be built: .*chain_id/);
    });
    const found = await list();
    expect(found).toMatchObject([
      {
        table: 'public.contracts',
        operation: 'INSERT',
        key: { id },
        types: ['contract.created'],
        sqlstate: '42703',
      },
    ]);
    await database.query(`update contracts set token = 'now' where id = $1`, [id]);
    expect(await hashi('quarantine', 'replay', '--all')).toEqual({
      code: 0,
      out: `${found[0]?.id}  replayed  contract.created\n`,
    });
    for (const { data } of await both('contract.created')) {
      // As the row is now.
      expect(data).toMatchObject({ contractId: id, payload: { id, token: 'now', chainId: null } });
    }
    expect(await list()).toEqual([]);
    expect((await query('select quarantined::int from realtime.health()')).quarantined).toBe(0);
    expect((await hashi('quarantine', 'replay', found[0]?.id ?? '')).out).toMatch(/not in quarantine/);
    // Nobody was told of a gap again, nor of anything else.
    const end = await query('insert into contracts default values returning id');
    for (const client of clients) {
      const rest = await client.until(({ data }) => data?.contractId === end.id);
      expect(rest).toHaveLength(1);
    }
  });

  it('is told as the transition it was, and no other, when it was an UPDATE', async () => {
    const { id } = await query(
      `insert into contracts (status, contested_at) values ('initializing', now()) returning id`,
    );
    await both('contract.created');
    await whileRenamed('contracts', 'chain_id', async () => {
      await database.query(
        `update contracts set status = 'initialized', admin_decided_at = now() where id = $1`,
        [id],
      );
      await gap();
    });
    expect((await list())[0]?.types).toEqual(['contract.initialized', 'contract.admin_decision']);
    expect((await hashi('quarantine', 'replay', '--all')).code).toBe(0);
    for (const type of ['contract.initialized', 'contract.admin_decision']) {
      for (const client of clients)
        expect((await client.next('contract:event')).data).toMatchObject({ type, contractId: id });
    }
  });

  it('is kept when the row has gone on, and told by the types that are given', async () => {
    const { id } = await query('insert into contracts default values returning id');
    await both('contract.created');
    await whileRenamed('contracts', 'chain_id', async () => {
      await database.query(`update contracts set status = 'initializing' where id = $1`, [id]);
      await gap();
    });
    await database.query(`update contracts set status = 'initialized' where id = $1`, [id]);
    await both('contract.initialized');
    const [entry] = await list();
    expect((await hashi('quarantine', 'replay', '--all')).out).toMatch(/kept .*not in that state any more/);
    expect((await hashi('quarantine', 'replay', entry?.id ?? '', '--type', 'lobby.created')).out).toMatch(
      /lobby.created is no event of public.contracts/,
    );
    const told = await hashi(
      'quarantine',
      'replay',
      entry?.id ?? '',
      '--type',
      'contract.initialized',
      '--json',
    );
    expect(JSON.parse(told.out)).toEqual([
      { id: entry?.id, result: 'replayed', events: ['contract.initialized'] },
    ]);
    await both('contract.initialized');
  });

  it('says which events it may have been where the condition itself could not be asked', async () => {
    const { id } = await query('insert into contracts default values returning id');
    await whileRenamed('contracts', 'status', async () => {
      await database.query(
        `update contracts set another = 'initialized', admin_decided_at = now() where id = $1`,
        [id],
      );
      await gap();
    });
    const { code, out } = await hashi('quarantine', 'replay', '--all');
    expect(code).toBe(1);
    expect(out).toMatch(/say --type contract.initialized or --type contract.admin_decision/);
    expect(await list()).toHaveLength(1);
  });

  it('goes to its room alone, with its move, when a membership could not be told', async () => {
    const { id } = await query(`insert into lobbies (code) values ('ROOM') returning id`);
    const stranger = rawClient(server, await server.token('stranger'));
    await stranger.next('connected');
    clients.push(stranger);
    const [ann, io] = clients as [TestClient, TestClient];
    await whileRenamed('lobbies', 'name', async () => {
      await database.query(`insert into lobby_participants values ($1, 'ann')`, [id]);
      await Promise.all(
        [ann, io].map((client) => client.next(({ data }) => data?.code === 'RESYNC_REQUIRED')),
      );
    });
    expect((await hashi('quarantine', 'replay', '--all')).code).toBe(0);
    for (const client of [ann, io]) {
      expect((await client.next('lobby.joined')).data.payload).toMatchObject({
        playerId: 'ann',
        participantCount: 1,
      });
    }
    const end = await query('insert into contracts default values returning id');
    const seen = await stranger.until(({ data }) => data?.contractId === end.id);
    expect(seen.map(({ type }) => type)).toEqual(['contract:event']);
  });

  it('is nothing to tell once its row is gone, and cannot be told of a row that was deleted', async () => {
    await whileRenamed('contracts', 'chain_id', async () => {
      const { id } = await query('insert into contracts default values returning id');
      await database.query('delete from contracts where id = $1', [id]);
      await gap();
    });
    const { code, out } = await hashi('quarantine', 'replay', '--all');
    expect(code).toBe(1);
    expect(out).toMatch(/replayed {2}the row is gone: nothing to tell\n.*kept .*deleted row.*drop it/);
    expect((await hashi('quarantine', 'drop', '--all')).out).toBe('1 dropped.\n');
    expect(await hashi('quarantine')).toEqual({ code: 0, out: 'Every event could be built.\n' });
  });

  it('is shown by the doctor until somebody has seen to it', async () => {
    const state = async () => {
      const { out } = await hashi('doctor', '--json');
      const { results } = JSON.parse(out) as { results: { check: string; status: string; fix?: string }[] };
      return results.find(({ check }) => check === 'quarantine');
    };
    await whileRenamed('contracts', 'chain_id', () => database.query('insert into contracts default values'));
    expect(await state()).toMatchObject({ status: 'failed', fix: /quarantine replay --all/ });
    await hashi('quarantine', 'replay', '--all');
    expect(await state()).toMatchObject({ status: 'ok' });
  });

  it('is chosen by number or all together, and anything else is wrong usage', async () => {
    for (const args of [['replay'], ['drop'], ['replay', '1', '--all'], ['replay', 'one'], ['drop', '-1']]) {
      expect((await hashi('quarantine', ...args)).code).toBe(2);
    }
    expect(await hashi('quarantine', 'drop', '999999')).toMatchObject({ code: 1 });
  });
});
