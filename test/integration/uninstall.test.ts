import { afterAll, beforeAll, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import { connectClient } from '../../src/database/client.js';
import { migrate } from '../../src/database/migrate.js';
import { uninstall, uninstallStatements } from '../../src/database/uninstall.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** Everything of the database's own that a catalogue knows, without what Postgres keeps for itself. */
const traces = () =>
  database.query(`
    select n.nspname, c.relname, c.relkind::text as kind from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_|information_schema'
    union all
    select n.nspname, p.proname, 'function' from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname !~ '^pg_|information_schema'
    union all
    select c.relname, t.tgname, 'trigger' from pg_trigger t join pg_class c on c.oid = t.tgrelid where not t.tgisinternal
    order by 1, 2, 3`);

it('leaves the business tables and their rows, and nothing of its own', async () => {
  const client = await connectClient({ url: database.url, applicationName: 'test' });
  await migrate(client, { catalog });
  await database.query(`insert into contracts (status) values ('kept')`);

  const statements = await uninstallStatements(client);
  expect(await uninstall(client)).toEqual(statements);

  const left = await traces();
  expect(left.filter(({ nspname }) => nspname === 'realtime')).toEqual([]);
  expect(left.filter(({ kind }) => kind === 'trigger' || kind === 'function')).toEqual([]);
  expect(await database.query('select status from contracts')).toEqual([{ status: 'kept' }]);
  await database.query(`update contracts set status = 'initialized'`);
  expect(await uninstallStatements(client)).toEqual([]);

  // And back again, over the tables that are there.
  expect(await migrate(client, { catalog })).toBeGreaterThan(10);
  await client.end();
});
