/** Tables without drizzle: named columns are all a family needs. */
import {
  bigint,
  boolean,
  doublePrecision,
  integer,
  jsonb,
  numeric,
  pgSchema,
  pgTable,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';

const types = {
  uuid: () => uuid(),
  text: () => text(),
  integer: () => integer(),
  bigint: () => bigint({ mode: 'bigint' }),
  numeric: () => numeric(),
  boolean: () => boolean(),
  double: () => doublePrecision(),
  json: () => jsonb(),
  timestamp: () => timestamp({ withTimezone: true, mode: 'string' }),
};

type TypeName = keyof typeof types;
/** A column's type; with a `?`, it may be null. */
export type ColumnType = TypeName | `${TypeName}?`;

type NotNull<B> = B extends { notNull(): infer R } ? R : never;
type Builders<Columns extends Record<string, ColumnType>> = {
  [K in keyof Columns]: Columns[K] extends `${infer Name extends TypeName}?`
    ? ReturnType<(typeof types)[Name]>
    : Columns[K] extends TypeName
      ? NotNull<ReturnType<(typeof types)[Columns[K]]>>
      : never;
};

/**
 * A table by its name, `tasks` or `app.tasks`, and its columns by theirs:
 * `table('app.tasks', { id: 'uuid', title: 'text', points: 'numeric?' })`. Keys are the SQL names, and the keys of
 * payloads; the primary key is `id` unless the family names another.
 */
export function table<const Columns extends Record<string, ColumnType>>(name: string, columns: Columns) {
  const builders = Object.fromEntries(
    Object.entries(columns).map(([key, type]) => {
      const nullable = type.endsWith('?');
      const builder = types[(nullable ? type.slice(0, -1) : type) as TypeName]();
      return [key, nullable ? builder : builder.notNull()];
    }),
  ) as unknown as Builders<Columns>;
  const [first = '', second] = name.split('.');
  if (second === undefined || first === 'public') return pgTable(second ?? first, builders);
  return pgSchema(first).table(second, builders);
}
