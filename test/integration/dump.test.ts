/** Dumps of a database with everything in it, by pg_dump, restored into others: all that is ours works there. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import { checkFunctions, checkTriggers } from '../../src/cli/checks/installed.js';
import { connectClient } from '../../src/database/client.js';
import { migrate, pendingSteps } from '../../src/database/migrate.js';
import { createDatabase } from '../support/database.js';
import { startSystemPostgres, systemPrograms, type SystemPostgres } from '../support/system-postgres.js';

const bin = systemPrograms();
if (bin === null)
  console.warn('The tests with pg_dump are left out: there is no Postgres in /usr/lib/postgresql.');

let postgres: SystemPostgres;

const on = <T>(database: string, use: (query: (sql: string) => Promise<any[]>) => Promise<T>): Promise<T> =>
  at(postgres.url(database), use);

async function at<T>(url: string, use: (query: (sql: string) => Promise<any[]>) => Promise<T>): Promise<T> {
  const client = await connectClient({ url, applicationName: 'test' });
  try {
    return await use(async (sql) => (await client.query(sql)).rows);
  } finally {
    await client.end();
  }
}

/** Everything installed, an event in the log, and one in a slot that the log has turned away from. */
async function fill(url: string): Promise<void> {
  const client = await connectClient({ url, applicationName: 'test' });
  await migrate(client, { catalog });
  await client.query('select * from realtime.ensure_epoch()');
  await client.query('insert into contracts default values');
  await client.query('select realtime.advance()');
  await client.query(`select realtime.rotate(interval '0', 0)`);
  await client.query(`insert into bounties (title, created_by) values ('a', 'p')`);
  await client.query('select realtime.advance()');
  await client.end();
}

/** What an instance does at its start, then a change, numbered and read. */
async function lives(url: string, original: string): Promise<void> {
  const client = await connectClient({ url, applicationName: 'test' });
  const query = async (sql: string) => (await client.query(sql)).rows;
  expect(await pendingSteps(client, catalog)).toEqual([]);
  expect(await checkFunctions(client, catalog)).toMatchObject({ status: 'ok' });
  expect(await checkTriggers(client, catalog)).toMatchObject([{ status: 'ok' }]);

  const [before] = await at(original, (ask) => ask('select epoch from realtime.state'));
  const [{ epoch, renewed }] = await query('select * from realtime.ensure_epoch()');
  expect(renewed).toBe(true);
  expect(epoch).not.toBe(before.epoch);
  const [{ advance: head }] = await query('select realtime.advance()');

  expect(await query('select status from contracts')).toEqual([{ status: 'created' }]);
  await query(`update contracts set status = 'initialized'`);
  await query(`insert into lobbies (code) values ('AFTER')`);
  await query('select realtime.advance()');
  const entries = await query(`select seq::bigint - ${head} as after, type from realtime.read(${head}, 10)`);
  expect(entries).toEqual([
    { after: '1', type: 'contract.initialized' },
    { after: '2', type: 'lobby.created' },
  ]);
  await query(`select realtime.rotate(interval '0', 0)`);
  await query('truncate bounties');
  expect((await query('select realtime.advance() as head'))[0].head).toBe(String(Number(head) + 3));
  await client.end();
}

it('works in a copy that Postgres has made of a database', async () => {
  const original = await createDatabase();
  const name = `${original.name}_copy`;
  await fill(original.url);
  await original.pool.end();
  const admin = new URL(original.url);
  admin.pathname = '/postgres';
  await at(admin.href, (query) => query(`create database ${name} template ${original.name}`));
  const copy = new URL(original.url);
  copy.pathname = `/${name}`;
  await lives(copy.href, original.url);
  await at(admin.href, (query) => query(`drop database ${name} with (force)`));
  await at(admin.href, (query) => query(`drop database ${original.name} with (force)`));
});

if (bin !== null) {
  describe('a dump', () => {
    beforeAll(async () => {
      postgres = await startSystemPostgres(bin);
      await on('postgres', (query) => query('create database original template template0'));
      await fill(postgres.url('original'));
      await on('postgres', (query) => query('create role restorer login createdb'));
    });
    afterAll(() => postgres.stop());

    it('as plain SQL restores into a new database: all is installed, the epoch is new, events flow', async () => {
      const file = join(postgres.folder, 'dump.sql');
      await postgres.program('pg_dump', '-d', postgres.url('original'), '-f', file);
      await on('postgres', (query) => query('create database plain template template0'));
      await postgres.program(
        'psql',
        '-X',
        '-q',
        '-v',
        'ON_ERROR_STOP=1',
        '-d',
        postgres.url('plain'),
        '-f',
        file,
      );
      await lives(postgres.url('plain'), postgres.url('original'));
    });

    it('restores in parallel, as another role that then owns everything', async () => {
      const folder = join(postgres.folder, 'dump');
      await postgres.program('pg_dump', '-d', postgres.url('original'), '-Fd', '-f', folder);
      await on('postgres', (query) => query('create database other owner restorer template template0'));
      const url = new URL(postgres.url('other'));
      url.username = 'restorer';
      await postgres.program(
        'pg_restore',
        '--no-owner',
        '--no-acl',
        '--exit-on-error',
        '-j',
        '2',
        '-d',
        url.href,
        folder,
      );
      await lives(postgres.url('other'), postgres.url('original'));
      const owners = await on('other', (query) =>
        query(
          `select distinct proowner::regrole::text as owner from pg_proc where pronamespace = 'realtime'::regnamespace`,
        ),
      );
      expect(owners).toEqual([{ owner: 'restorer' }]);
    });

    it('leaves the database that it was made of as it was', async () => {
      await on('original', async (query) => {
        expect(await query('select renewed from realtime.ensure_epoch()')).toEqual([{ renewed: false }]);
        await query('insert into contracts default values');
        const [{ head }] = await query('select realtime.advance() as head');
        expect(await query(`select type from realtime.read(${Number(head) - 1}, 10)`)).toEqual([
          { type: 'contract.created' },
        ]);
      });
    });
  });
}
