/** How much room the log takes. */
import type { Pool } from 'pg';

export interface Sizes {
  /** Bytes of `realtime.events`, `log` and `ticks`, without their indexes. */
  readonly tables: number;
  readonly indexes: number;
  /** Dead rows in them, as Postgres counts. */
  readonly dead: number;
  /** The newest seq that is no longer kept. */
  readonly floor: number;
  /** Bytes of Postgres's own catalogue, which every TRUNCATE writes to. */
  readonly catalogue: number;
}

export async function measure(pool: Pool): Promise<Sizes> {
  const { rows } = await pool.query<Record<keyof Sizes, string>>(
    `select sum(pg_table_size(c.oid)) as tables, sum(pg_indexes_size(c.oid)) as indexes,
       sum(pg_stat_get_dead_tuples(c.oid)) as dead, (select floor from realtime.state) as floor,
       (select sum(pg_total_relation_size(k.oid)) from pg_class k
        where k.relkind = 'r' and k.relnamespace = 'pg_catalog'::regnamespace) as catalogue
     from unnest(array['realtime.events', 'realtime.log', 'realtime.ticks']::regclass[]) parent,
       pg_partition_tree(parent) part join pg_class c on c.oid = part.relid
     where part.isleaf`,
  );
  const [found] = rows;
  if (!found) throw new Error('the log has no tables');
  return Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name, Number(value)]),
  ) as unknown as Sizes;
}

/** Of each, the larger one. */
export const largest = (one: Sizes, other: Sizes): Sizes => ({
  tables: Math.max(one.tables, other.tables),
  indexes: Math.max(one.indexes, other.indexes),
  dead: Math.max(one.dead, other.dead),
  floor: Math.max(one.floor, other.floor),
  catalogue: Math.max(one.catalogue, other.catalogue),
});
