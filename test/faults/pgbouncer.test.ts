/** What the server and the adapter make of a real PgBouncer between them and the database. */
import { Server } from 'socket.io';
import { OperatorError } from '../../src/errors.js';
import { createAdapter } from '../../src/adapter/index.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectClient, createPool } from '../../src/database/client.js';
import { joinAs, named, startNode } from '../adapter/support.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { run } from '../support/child.js';
import { startServer } from '../support/server.js';
import { startPgBouncer, type PgBouncer } from './support/pgbouncer.js';
import { expectServed, summonWitnesses } from './support/witnesses.js';

let database: TestDatabase;
let bouncer: PgBouncer;
const write = async () =>
  (await database.query('insert into contracts default values returning id'))[0].id as string;
const doctor = (url: string) =>
  run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'doctor', '--json'], {
    env: { ...process.env, DATABASE_URL: url, NODE_ENV: 'test' },
  });

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

describe('PgBouncer in transaction mode', () => {
  beforeAll(async () => {
    bouncer = await startPgBouncer(database.url, 'transaction');
  });
  afterAll(() => bouncer.stop());

  const sentence =
    /LISTEN has no effect on this connection: it goes through a pooler in transaction mode\. Point DATABASE_URL, or the option `connection`/;

  it('is found at the start, with one idle backend and with several', async () => {
    await expect(startServer(bouncer.url)).rejects.toThrow(sentence);
    // The operator's to mend: the command line says it without calling it unexpected.
    await expect(startServer(bouncer.url)).rejects.toBeInstanceOf(OperatorError);
    const others = await Promise.all(
      [1, 2, 3].map(() => connectClient({ url: bouncer.url, applicationName: 'other' })),
    );
    // Each holds a backend until all of them do.
    await Promise.all(others.map((other) => other.query('begin')));
    await Promise.all(others.map((other) => other.query('commit')));
    await expect(startServer(bouncer.url)).rejects.toThrow(sentence);
    await Promise.all(others.map((other) => other.end()));
  });

  it('is refused by the adapter with the same sentence', async () => {
    const pool = createPool({ url: bouncer.url, applicationName: 'test', max: 3 });
    const io = new Server();
    const factory = createAdapter(pool, { errorHandler: () => undefined });
    io.adapter(factory);
    await expect(factory.ready()).rejects.toThrow(sentence);
    await io.of('/').adapter.close();
    await pool.end();
  });

  it('makes the stock adapter lose everything, and nobody is told', async () => {
    const [direct, behind] = [
      await startNode(database.url, { stock: true }),
      await startNode(bouncer.url, { stock: true }),
    ];
    const [near, far] = [await joinAs(direct.url), await joinAs(behind.url)];
    try {
      for (let i = 0; i < 20; i++) direct.io.emit('news', i);
      await expect.poll(() => named(near.received, 'news')).toHaveLength(20);
      // Its own LISTEN has been answered, and more than once.
      for (let i = 0; i < 20; i++) behind.io.emit('own', i);
      await expect.poll(() => named(far.received, 'own')).toHaveLength(20);
      expect(named(far.received, 'news')).toEqual([]);
      expect(behind.errors).toEqual([]);
    } finally {
      for (const { socket } of [near, far]) socket.disconnect();
      await Promise.all([direct.stop(), behind.stop()]);
    }
  });

  it('is named by doctor', async () => {
    const child = doctor(bouncer.url);
    await child.printed(
      /"check": "notifications",\s+"status": "failed",\s+"detail": "[^"]*pooler in transaction mode/,
    );
    await child.exited;
  });
});

describe('PgBouncer in session mode', () => {
  beforeAll(async () => {
    bouncer = await startPgBouncer(database.url, 'session');
  });
  afterAll(() => bouncer.stop());

  it('works: clients of both kinds are told, and doctor has nothing against it', async () => {
    const server = await startServer(bouncer.url);
    try {
      const witnesses = await summonWitnesses(server);
      const written = [await write(), await write()];
      await witnesses.expectAll(written);
      await expectServed({ server, witnesses }, 200);
      const child = doctor(bouncer.url);
      await child.printed(/"check": "notifications",\s+"status": "ok"/);
      await child.exited;
      witnesses.close();
    } finally {
      await server.stop();
    }
  });
});
