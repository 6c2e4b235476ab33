import { afterAll, beforeAll, expect, it } from 'vitest';
import { catalog, mapCatalog } from '../../src/catalog/index.js';
import { connectClient } from '../../src/database/client.js';
import { migrate } from '../../src/database/migrate.js';
import { uninstall, uninstallStatements } from '../../src/database/uninstall.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { makeRenamedTables, makeTables, mapping } from '../support/renamed.js';

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

/** What vacuum and analyze keep of a table, whoever else was there. */
const ofVacuum = `{relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid}`;

/** Every row of every system catalogue of this database, but for statistics. */
async function everything(of: TestDatabase): Promise<Record<string, unknown[]>> {
  const catalogues = await of.query(`
    select c.relname as name from pg_class c
    where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r' and not c.relisshared
      and c.relname !~ '^pg_(statistic|largeobject)' order by 1`);
  const found: Record<string, unknown[]> = {};
  for (const { name } of catalogues) {
    const rows = await of.query(
      `select (to_jsonb(t) - '${ofVacuum}'::text[])::text as row from pg_catalog.${name} t`,
    );
    found[name] = rows.map(({ row }) => row as string).sort();
  }
  const shared = `select to_jsonb(d)::text as row from pg_shdepend d
    where d.dbid = (select oid from pg_database where datname = current_database())
    union all select to_jsonb(r)::text from pg_db_role_setting r
    where r.setdatabase = (select oid from pg_database where datname = current_database())`;
  found['shared'] = (await of.query(shared)).map(({ row }) => row as string).sort();
  return found;
}

it.each([
  ['the documented tables', makeTables, catalog],
  ['tables of other names, in other schemas', makeRenamedTables, mapCatalog(catalog, mapping)],
])('leaves every system catalogue as it was, beside %s', async (_what, make, over) => {
  const foreign = await createDatabase();
  await make(foreign);
  const before = await everything(foreign);
  const client = await connectClient({ url: foreign.url, applicationName: 'test' });
  await migrate(client, { catalog: over, existingTables: true });
  await client.query('select * from realtime.ensure_epoch()');
  await client.query('select realtime.advance()');
  expect(await everything(foreign)).not.toEqual(before);
  await uninstall(client);
  await client.end();
  // Postgres takes note of tables that have no trigger any more when it vacuums them.
  await foreign.query('vacuum');
  const after = await everything(foreign);
  for (const [name, rows] of Object.entries(before)) expect(after[name], name).toEqual(rows);
  await foreign.drop();
});

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
