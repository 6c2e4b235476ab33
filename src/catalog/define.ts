/**
 * The small language event families are written in.
 *
 * A family says which table it watches, which transitions of a row are events, who may see them and what the
 * payload holds. Triggers (`triggers.ts`), TypeScript types (`EventOf`), runtime schemas (`schemas.ts`) and the
 * docs are all derived from it.
 */
import { getTableName, type InferSelectModel } from 'drizzle-orm';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import { z, type ZodType } from 'zod';
import { columnForm, columnOf, isText, textForm, type ColumnForm } from './column.js';

/** A table as the generator needs it: where it is and what identifies a row. */
export interface TableRef {
  readonly schema: string;
  readonly name: string;
}

/** From a row to the row of `table` whose `key` equals its `by`. */
export interface Hop {
  readonly table: TableRef;
  readonly key: string;
  readonly by: string;
}

export { isoTimestamp, type ColumnForm } from './column.js';

/** Where a field's value comes from. Column names are SQL names. */
export type FieldSource =
  | { readonly kind: 'column'; readonly column: string; readonly form: ColumnForm }
  /** `column` of the row of `table` whose `key` equals this row's `by`; null when there is none. A text, as `form` says. */
  | ({
      readonly kind: 'lookup';
      readonly column: string;
      readonly form?: ColumnForm;
      readonly through?: Hop;
    } & Hop)
  /** The rows of `table` whose `by` equals this row's `key`, as an array of objects. */
  | {
      readonly kind: 'list';
      readonly table: TableRef;
      readonly by: string;
      readonly key: string;
      readonly orderBy: string;
      readonly orderIsText: boolean;
      readonly fields: Fields;
    }
  /** How many rows of `table` have `by` equal to this row's `key`. */
  | { readonly kind: 'count'; readonly table: TableRef; readonly by: string; readonly key: string }
  /** A column of the row that changed, where that is not the family's own table; null elsewhere. */
  | { readonly kind: 'changed'; readonly column: string; readonly form?: ColumnForm }
  | { readonly kind: 'object'; readonly fields: Fields };

/** A key of a payload: its SQL source and its runtime schema; `T` is its TypeScript type. */
export interface Field<T = unknown> {
  readonly source: FieldSource;
  readonly schema: ZodType<T>;
}
/** The keys of an object on the wire, in their order. */
export type Fields = Readonly<Record<string, Field>>;

type ValueOf<F> = F extends Field<infer T> ? T : never;
/** The object that fields make on the wire. */
export type ObjectOf<F> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** What a column's value is on the wire: numeric and bigint are strings, digit-exact, also where drizzle reads numbers. */
type Wire<T> = T extends bigint ? string : T extends Date ? string : T;
type ExactNumber = 'PgBigInt53' | 'PgBigSerial53' | 'PgNumericNumber';
type WireOf<
  T extends PgTable,
  P extends Property<T>,
> = T['_']['columns'][P]['_']['columnType'] extends ExactNumber
  ? string | Extract<InferSelectModel<T>[P], null>
  : Wire<InferSelectModel<T>[P]>;

/** Where a drizzle table is in the database. */
export function tableRef(table: PgTable): TableRef {
  return { schema: getTableConfig(table).schema ?? 'public', name: getTableName(table) };
}

/** The keys of a drizzle table, as its properties are called. */
export type Property<T extends PgTable> = keyof InferSelectModel<T> & string;

/** The named columns of a table, deny by default: a column that is not named here never leaves the database. */
export function columns<T extends PgTable, const K extends Property<T>>(
  table: T,
  ...properties: K[]
): { readonly [P in K]: Field<WireOf<T, P>> } {
  const entries = properties.map((property) => {
    const column = columnOf(table, property);
    const { form, schema } = columnForm(column.getSQLType());
    const field: Field = {
      source: { kind: 'column', column: column.name, form },
      schema: column.notNull ? schema : schema.nullable(),
    };
    return [property, field] as const;
  });
  return Object.fromEntries(entries) as unknown as { [P in K]: Field<WireOf<T, P>> };
}

/** One column under a key of its own: `column(contracts, 'id')`. */
export function column<T extends PgTable, const K extends Property<T>>(
  table: T,
  property: K,
): Field<WireOf<T, K>> {
  return columns(table, property)[property];
}

/** The way from a row to a row it points at, by a foreign key. */
export interface Path<T extends PgTable, O extends PgTable> {
  readonly from: T;
  readonly by: Property<T>;
  readonly table: O;
  readonly key: Property<O>;
}

const hop = <T extends PgTable, O extends PgTable>(path: Path<T, O>): Hop => ({
  table: tableRef(path.table),
  key: columnOf(path.table, path.key).name,
  by: columnOf(path.from, path.by).name,
});

/** A value of another table's row, as text; null when there is no such row. `through` is a hop on the way. */
export function lookup<T extends PgTable, O extends PgTable, H extends PgTable = PgTable>(
  path: Path<T, O> & { column: Property<O>; through?: Path<H, T> },
): Field<string | null> {
  return {
    source: {
      kind: 'lookup',
      ...hop(path),
      column: columnOf(path.table, path.column).name,
      ...textForm(columnOf(path.table, path.column).getSQLType()),
      ...(path.through && { through: hop(path.through) }),
    },
    schema: z.string().nullable(),
  };
}

interface Related<T extends PgTable, O extends PgTable> {
  /** The row's own table and the property its relatives point at. */
  of: T;
  key: Property<T>;
  table: O;
  by: Property<O>;
}

/** The related rows as an array of objects. */
export function list<T extends PgTable, O extends PgTable, F extends Fields>(
  options: Related<T, O> & { orderBy: Property<O>; fields: F },
): Field<readonly ObjectOf<F>[]> {
  return {
    source: {
      kind: 'list',
      table: tableRef(options.table),
      by: columnOf(options.table, options.by).name,
      key: columnOf(options.of, options.key).name,
      orderBy: columnOf(options.table, options.orderBy).name,
      orderIsText: isText(columnOf(options.table, options.orderBy).getSQLType()),
      fields: options.fields,
    },
    schema: z.array(objectSchema(options.fields)),
  };
}

/** How many related rows there are. */
export function count<T extends PgTable, O extends PgTable>(options: Related<T, O>): Field<number> {
  return {
    source: {
      kind: 'count',
      table: tableRef(options.table),
      by: columnOf(options.table, options.by).name,
      key: columnOf(options.of, options.key).name,
    },
    schema: z.int().nonnegative(),
  };
}

/** A column of the row that changed in a related table, as text; null for changes of the family's own table. */
export function changed<T extends PgTable>(table: T, property: Property<T>): Field<string | null> {
  const column = columnOf(table, property);
  return {
    source: { kind: 'changed', column: column.name, ...textForm(column.getSQLType()) },
    schema: z.string().nullable(),
  };
}

/** A nested object. */
export function object<F extends Fields>(fields: F): Field<ObjectOf<F>> {
  return { source: { kind: 'object', fields }, schema: objectSchema(fields) };
}

/** The runtime schema of an object of these fields; a key that is not named is an error. */
export function objectSchema<F extends Fields>(fields: F): ZodType<ObjectOf<F>> {
  const shape = Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.schema]));
  return z.strictObject(shape) as unknown as ZodType<ObjectOf<F>>;
}

/** When a row's change is an event. Column names are SQL names. */
export type Transition =
  | { readonly kind: 'inserted' }
  | { readonly kind: 'inserted-with'; readonly column: string; readonly value: string }
  | { readonly kind: 'becomes'; readonly column: string; readonly value: string; readonly where?: Equals }
  | { readonly kind: 'set'; readonly column: string; readonly byInsert: boolean }
  | { readonly kind: 'deleted'; readonly unlessSet?: string }
  | { readonly kind: 'deleted-or-set'; readonly column: string };

interface Equals {
  readonly column: string;
  readonly value: string;
}

/** A row was inserted. */
export const inserted = (): Transition => ({ kind: 'inserted' });
/** A row was inserted whose `property` holds `value`. */
export const insertedWith = <T extends PgTable>(
  table: T,
  property: Property<T>,
  value: string,
): Transition => ({
  kind: 'inserted-with',
  column: columnOf(table, property).name,
  value,
});
/** An UPDATE turned `property` into `value`; with `where`, only in rows whose other column holds that value. */
export const becomes = <T extends PgTable>(
  table: T,
  property: Property<T>,
  value: string,
  where?: { property: Property<T>; value: string },
): Transition => ({
  kind: 'becomes',
  column: columnOf(table, property).name,
  value,
  ...(where && { where: { column: columnOf(table, where.property).name, value: where.value } }),
});
/** `property` went from null, or from another value, to a value; with `byInsert`, by INSERT too. */
export const set = <T extends PgTable>(
  table: T,
  property: Property<T>,
  options: { byInsert?: boolean } = {},
): Transition => ({
  kind: 'set',
  column: columnOf(table, property).name,
  byInsert: options.byInsert ?? false,
});
/** A row was deleted. */
export const deleted = (): Transition => ({ kind: 'deleted' });
/** `property` was set, or a row was deleted in which it was null still: soft and hard deletion are one event. */
export const deletedOrSet = <T extends PgTable>(table: T, property: Property<T>): Transition => ({
  kind: 'deleted-or-set',
  column: columnOf(table, property).name,
});

/** Who may see an event. Rooms are named `<prefix>:<id>`. */
export type Audience =
  | { readonly kind: 'everyone' }
  /** The room named by a column of the family's row; `through`, by a column of a row found by foreign key. */
  | {
      readonly kind: 'room';
      readonly prefix: string;
      readonly column: string;
      readonly through?: Hop;
    }
  /** The connections of one player. */
  | { readonly kind: 'player'; readonly column: string };

/** Every connected client. */
export const everyone: Audience = { kind: 'everyone' };
/** The room `<prefix>:<value of property>`; null in that column means nobody. */
export const room = <T extends PgTable>(prefix: string, table: T, property: Property<T>): Audience => ({
  kind: 'room',
  prefix,
  column: columnOf(table, property).name,
});
/** Like `room`, but the column is that of another table's row, which this row points at. */
export const roomThrough = <T extends PgTable, O extends PgTable>(
  prefix: string,
  path: Path<T, O> & { column: Property<O> },
): Audience => ({
  kind: 'room',
  prefix,
  column: columnOf(path.table, path.column).name,
  through: hop(path),
});
/** The connections of the player that this column names, by the token's `sub`; null in it means nobody. */
export const player = <T extends PgTable>(table: T, property: Property<T>): Audience => ({
  kind: 'player',
  column: columnOf(table, property).name,
});
