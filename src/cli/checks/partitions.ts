/** Looks for partitioned tables whose rows move between partitions: Postgres tells triggers of that as something else. */
import type pg from 'pg';
import type { Catalog } from '../../catalog/index.js';
import { ident, qualified } from '../../catalog/sql.js';
import { watchedTables } from '../../catalog/triggers.js';
import { ok, warning, type Result } from './check.js';

/** A partition key within the primary key stays as it is for the life of a row; what else it holds may change. */
export async function checkPartitions(client: pg.Client, catalog: Catalog): Promise<Result[]> {
  const keys = new Map(
    catalog.families.flatMap((family) => [
      [qualified(family.table), family.primaryKey] as const,
      ...Object.values(family.events).flatMap(({ relation }) =>
        relation ? [[qualified(relation.table), relation.primaryKey] as const] : [],
      ),
    ]),
  );
  const tables = watchedTables(catalog).map(qualified);
  const { rows } = await client.query<{ table: string; key: string; columns: (string | null)[] }>(
    `select w.name as table, pg_get_partkeydef(p.partrelid) as key,
       array(select a.attname::text from unnest(p.partattrs::int2[]) k (attnum)
             left join pg_attribute a on a.attrelid = p.partrelid and a.attnum = k.attnum and k.attnum > 0) as columns
     from unnest($1::text[]) w (name) join pg_partitioned_table p on p.partrelid = to_regclass(w.name)`,
    [tables],
  );
  // An expression has no column of its own: what it is made of may change too.
  const moving = rows.filter(({ table, columns }) =>
    columns.some((column) => column === null || keys.get(table)?.includes(column) !== true),
  );
  if (moving.length === 0) {
    return rows.length === 0
      ? []
      : [ok('partitions', `Rows of ${rows.map(({ table }) => table).join(', ')} stay in their partition.`)];
  }
  return moving.map(({ table, key }) =>
    warning(
      'partitions',
      `${table} is partitioned by ${key}: an UPDATE that moves a row to another partition is told as deleted and created.`,
      `Partition it by ${(keys.get(table) ?? []).map(ident).join(', ') || 'its primary key'}, or let no service change the columns it is partitioned by.`,
    ),
  );
}
