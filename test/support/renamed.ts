/** The documented tables under other names: each in another schema, each column called something that needs quotes. */
import { readFile } from 'node:fs/promises';
import { getTableColumns, getTableName } from 'drizzle-orm';
import type { Mapping, TableMapping } from '../../src/catalog/index.js';
import { ident } from '../../src/catalog/sql.js';
import * as tables from '../../src/database/schema.js';
import type { TestDatabase } from './database.js';

const documented = Object.values(tables).map((table) => ({
  name: getTableName(table),
  columns: Object.values(getTableColumns(table)).map((column) => column.name),
}));

const called = (column: string) => `The ${column}`;

/** Every table in the schema `game`, but bounties, which name a schema of their own. */
export const mapping = {
  schema: 'game',
  tables: Object.fromEntries(
    documented.map(({ name, columns }): [string, TableMapping] => [
      name,
      {
        name: name === 'bounties' ? 'prizes.Bounties' : `all_${name}`,
        columns: Object.fromEntries(columns.map((column) => [column, called(column)])),
      },
    ]),
  ),
} satisfies Mapping;

/** Writes rows by the documented names, whatever they are called in the database. */
export interface Rows {
  readonly insert: (table: string, row: Row) => Promise<void>;
  readonly update: (table: string, set: Row, where: Row) => Promise<void>;
  readonly remove: (table: string, where: Row) => Promise<void>;
}
type Row = Readonly<Record<string, unknown>>;

function rowsOf(
  database: TestDatabase,
  table: (name: string) => string,
  column: (name: string) => string,
): Rows {
  const equal = (row: Row, from: number, by: string) =>
    Object.keys(row)
      .map((name, index) => `${column(name)} = $${index + from}`)
      .join(by);
  return {
    async insert(name, row) {
      const values = Object.values(row);
      const places = values.map((_, index) => `$${index + 1}`);
      const columns = Object.keys(row).map(column);
      await database.query(
        `insert into ${table(name)} (${columns.join()}) values (${places.join()})`,
        values,
      );
    },
    async update(name, set, where) {
      const values = [...Object.values(set), ...Object.values(where)];
      const by = equal(where, Object.keys(set).length + 1, ' and ');
      await database.query(`update ${table(name)} set ${equal(set, 1, ', ')} where ${by}`, values);
    },
    async remove(name, where) {
      await database.query(
        `delete from ${table(name)} where ${equal(where, 1, ' and ')}`,
        Object.values(where),
      );
    },
  };
}

export const documentedRows = (database: TestDatabase): Rows => rowsOf(database, ident, ident);

const renamedTable = (name: string) =>
  name === 'bounties' ? 'prizes."Bounties"' : `game.${ident(`all_${name}`)}`;

export const renamedRows = (database: TestDatabase): Rows =>
  rowsOf(database, renamedTable, (column) => ident(called(column)));

/** The documented tables, as another service would have made them. */
export async function makeTables(database: TestDatabase): Promise<void> {
  const text = await readFile(new URL('../../migrations/0000_business_tables.sql', import.meta.url), 'utf8');
  await database.query(text.replaceAll('--> statement-breakpoint', ''));
}

/** The same tables under the names of `mapping`. */
export async function makeRenamedTables(database: TestDatabase): Promise<void> {
  await makeTables(database);
  await database.query('create schema game; create schema prizes');
  for (const { name, columns } of documented) {
    for (const column of columns) {
      await database.query(`alter table ${name} rename column ${column} to ${ident(called(column))}`);
    }
    const [schema = '', other = ''] = renamedTable(name).split('.');
    await database.query(`alter table ${name} rename to ${other}; alter table ${other} set schema ${schema}`);
  }
}
