import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { catalog, familiesByEvent } from '../../src/catalog/index.js';
import { messageSchema } from '../../src/catalog/schemas.js';
import { run, type Child } from '../support/child.js';
import { rawClient, type RawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let dataDir: string;
let database: TestDatabase;
const children: Child[] = [];
const clients: RawClient[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-demo-'));
  database = await createDatabase();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const child of children.splice(0)) {
    child.signal('SIGKILL');
    await child.exited;
  }
});
afterAll(async () => {
  await database.drop();
  await rm(dataDir, { recursive: true });
});

function demo(args: string[], env: Record<string, string> = {}): Child {
  const child = run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'demo', ...args], {
    env: {
      PATH: process.env.PATH ?? '',
      HASHI_DATA_DIR: dataDir,
      DATABASE_URL: database.url,
      PORT: '0',
      LOG_FORMAT: 'json',
      HASHI_DRAIN_MS: '100',
      ...env,
    },
  });
  children.push(child);
  return child;
}

/** A client with the token that the demo prints. */
async function watch(child: Child): Promise<RawClient> {
  const [, url = '', token] = await child.printed(/(http:\/\/127\.0\.0\.1:\d+)\/#token=(\S+)/);
  const client = rawClient({ wsUrl: url.replace('http', 'ws') }, token);
  clients.push(client);
  await client.next('connected');
  return client;
}

/** Resolves with the connections of the process that writes, once they are as wanted. */
async function writers(wanted: (pids: readonly number[]) => boolean): Promise<readonly number[]> {
  for (;;) {
    const rows = await database.query(
      `select pid from pg_stat_activity where datname = current_database() and application_name = 'demo service'`,
    );
    const pids = rows.map(({ pid }) => pid as number);
    if (wanted(pids)) return pids;
  }
}
const some = (pids: readonly number[]) => pids.length > 0;
const none = (pids: readonly number[]) => pids.length === 0;

describe('the demo', () => {
  it('makes every event there is, has player-1 take part, and cleans up after itself', async () => {
    // Left behind by an earlier one; and a row of somebody else, which is none of its business.
    await run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'migrate'], {
      env: { PATH: process.env.PATH ?? '', HASHI_DATA_DIR: dataDir, DATABASE_URL: database.url },
    }).exited;
    await database.query(`insert into lobbies (code) values ('DEMO2345'), ('OTHER1')`);
    const child = demo(['--rate', '400']);
    await child.printed(/The demo writes 400 changes a second/);
    const client = await watch(child);
    const families = familiesByEvent(catalog);
    const missing = new Set(families.keys());
    while (missing.size > 0) {
      const { type, data } = await client.next();
      expect(type).toMatch(/:event$/);
      const family = families.get(data.type);
      // What goes over the wire is what is documented.
      if (family) expect(messageSchema(family).safeParse({ type, data }).error).toBeUndefined();
      missing.delete(data.type);
    }
    const own = client.messages.filter(
      ({ data }) => data.type === 'lobby.joined' && data.payload.playerId === 'player-1',
    );
    expect(own.length).toBeGreaterThan(0);

    const [{ lobbies, contracts, files, others }] = await database.query(
      `select (select count(*)::int from lobbies) as lobbies, (select count(*)::int from contracts) as contracts,
         (select count(*)::int from storage) as files,
         (select count(*)::int from lobbies where code = 'OTHER1') as others`,
    );
    expect(others).toBe(1);
    expect(lobbies).toBeLessThanOrEqual(7);
    expect(contracts).toBeLessThanOrEqual(6);
    expect(files).toBeLessThanOrEqual(18);
    expect(await database.query(`select from lobbies where code = 'DEMO2345'`)).toEqual([]);
    child.signal('SIGTERM');
    expect(await child.exited).toBe(0);
    await writers(none);
  });

  it('goes on after the database has cut every connection', async () => {
    const child = demo(['--rate', '50']);
    const [before] = await writers(some);
    await database
      .query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      )
      .catch((error: unknown) => {
        // Our own pool may be among them.
        expect(error).toBeInstanceOf(Error);
      });
    await writers(([now]) => now !== undefined && now !== before);
    const client = await watch(child);
    await client.next(({ type }) => type.endsWith(':event'));
    expect(child.output()).not.toContain('the demo has stopped');
  });

  it('ends with the process that started it, though that is killed', async () => {
    const child = demo(['--rate', '50']);
    await writers(some);
    // The one process alone, not its group: nobody tells the other.
    process.kill(child.pid, 'SIGKILL');
    expect(await child.exited).toBe('SIGKILL');
    await writers(none);
  });

  it.each([['0'], ['fast'], ['1001']])('refuses --rate %s as wrong usage', async (rate) => {
    const child = demo(['--rate', rate]);
    expect(await child.exited).toBe(2);
    expect(child.output()).toContain('It must be a number from 0.1 to 1000');
  });

  it('is refused in production', async () => {
    const child = demo([], {
      NODE_ENV: 'production',
      AUTH_JWKS_URL: 'https://keys.invalid/jwks',
      AUTH_AUDIENCE: 'app',
    });
    expect(await child.exited).toBe(1);
    expect(child.output()).toMatch(
      /^hashi-socket: NODE_ENV is production, and the demo writes made-up rows: .*\n$/,
    );
  });
});
