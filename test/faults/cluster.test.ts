/** What happens to the server when the database itself fails: frozen, restarted, full, read-only. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmbedded, type EmbeddedPostgres } from '../../src/database/embedded.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  expectServed,
  expectServedAgain,
  readyz,
  summonWitnesses,
  type Witnesses,
} from './support/witnesses.js';

let dataDir: string;
let postgres: EmbeddedPostgres;
let server: TestServer;
let witnesses: Witnesses;
let service: pg.Client;
let written: string[];

const start = (port?: number) =>
  startEmbedded({
    dataDir,
    tuning: 'test',
    settings: { max_connections: '25' },
    ...(port !== undefined && { port }),
  });
/** A service that writes, on one connection. */
async function connectService(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: postgres.url, application_name: 'service' });
  client.on('error', () => undefined); // it dies with the database, as it should
  await client.connect();
  return client;
}
async function write(count = 1): Promise<void> {
  for (let n = 0; n < count; n++) {
    const { rows } = await service.query<{ id: string }>('insert into contracts default values returning id');
    written.push(rows[0]?.id ?? '');
  }
}
const pidsOf = async (pattern: string): Promise<number[]> =>
  (
    await service.query<{ pid: number }>('select pid from pg_stat_activity where application_name like $1', [
      pattern,
    ])
  ).rows.map(({ pid }) => pid);

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-cluster-'));
  postgres = await start();
});
afterAll(async () => {
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
});
beforeEach(async () => {
  service = await connectService();
  server = await startServer(postgres.url);
  witnesses = await summonWitnesses(server);
  written = [];
  await write();
  await witnesses.expectAll(written);
});
afterEach(async () => {
  witnesses.close();
  await server.stop();
  await service.end();
});

describe('a server whose database fails', () => {
  it('sits out frozen backends: clients stay, /readyz says so, nothing is lost', async () => {
    const frozen = await pidsOf('hashi-socket%');
    expect(frozen.length).toBeGreaterThanOrEqual(2);
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    try {
      await write(3);
      await expectServed({ server, witnesses }, 503);
    } finally {
      for (const pid of frozen) process.kill(pid, 'SIGCONT');
    }
    await witnesses.expectAll(written);
    await expectServedAgain({ server, witnesses });
  });

  it('goes on after an immediate restart', async () => {
    const { port } = postgres;
    const gone = new Promise((resolve) => postgres.onExit(resolve));
    process.kill(postgres.pid, 'SIGQUIT');
    await gone;
    await postgres.stop();
    await expectServed({ server, witnesses }, 503);
    postgres = await start(port);
    service = await connectService();
    await write(3);
    await witnesses.expectAll(written);
    await expectServedAgain({ server, witnesses });
  });

  it('comes back when the database has taken its place away: too many connections', async () => {
    const others: pg.Client[] = [];
    const fill = async () => {
      for (;;) {
        const client = new pg.Client({ connectionString: postgres.url, application_name: 'crowd' });
        client.on('error', () => undefined); // ended below
        try {
          await client.connect();
          others.push(client);
        } catch (error) {
          expect((error as { code?: string }).code).toBe('53300');
          return;
        }
      }
    };
    try {
      await fill();
      // Until the crowd has got the server's places: an ending backend frees its own a moment later, for anybody.
      while ((await readyz(server)) !== 503) {
        await service.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'hashi-socket%'`,
        );
        await fill();
      }
      // Said so already; a place may get free again, for whoever is first.
      await write(3);
      await witnesses.ping();
    } finally {
      await Promise.all(others.map((client) => client.end()));
    }
    await witnesses.expectAll(written);
    await expectServedAgain({ server, witnesses });
  });

  it('keeps serving what was written while the database is read-only for a time', async () => {
    await service.query('alter database hashi set default_transaction_read_only = on');
    await service.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'hashi-socket%'`,
    );
    await write(2);
    const newcomer = await connectService();
    await expect(newcomer.query('insert into contracts default values')).rejects.toThrow(/read-only/);
    await newcomer.end();
    await witnesses.expectAll(written);
    // Its sessions have been made anew by now, or are right away.
    await expectServedAgain({ server, witnesses });
    await service.query('alter database hashi reset default_transaction_read_only');
    await write();
    await witnesses.expectAll(written);
    expect(await readyz(server)).toBe(200);
  });
});
