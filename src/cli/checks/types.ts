/** Compares the types of the columns in payloads with what the catalogue says of them: clients are told its types. */
import type pg from 'pg';
import { z } from 'zod';
import type { Field, Fields, TableRef } from '../../catalog/define.js';
import { qualified } from '../../catalog/sql.js';
import type { Catalog } from '../../catalog/index.js';
import { failed, ok, type Result } from './check.js';

interface ToldColumn {
  readonly table: TableRef;
  readonly column: string;
  readonly field: Field;
}

/** A column that is not there is told by another check. */
export async function checkTypes(client: pg.Client, catalog: Catalog): Promise<Result> {
  const told = catalog.families.flatMap((family) =>
    columnsOf({ ...family.keys, payload: family.payload }, family.table),
  );
  const wrong = new Set<string>();
  for (const { table, column, field } of told) {
    const { rows } = await client.query<{ type: string; category: string; name: string }>(
      `select format_type(a.atttypid, null) as type, t.typcategory as category, t.typname as name
       from pg_attribute a join pg_type t on t.oid = a.atttypid
       where a.attrelid = to_regclass($1) and a.attname = $2 and not a.attisdropped`,
      [qualified(table), column],
    );
    const [found] = rows;
    const complaint = found && complaintAbout(field, found);
    if (complaint) wrong.add(`${qualified(table)}.${column} is ${found.type}, ${complaint}`);
  }
  if (wrong.size === 0)
    return ok('types', `All ${told.length} columns in payloads are told as they should be.`);
  return failed(
    'types',
    `${[...wrong].join('; ')}.`,
    'Change the column back, or the catalogue, and run "hashi-socket migrate".',
  );
}

function columnsOf(fields: Fields, table: TableRef): ToldColumn[] {
  return Object.values(fields).flatMap((field) => {
    const { source } = field;
    if (source.kind === 'object') return columnsOf(source.fields, table);
    if (source.kind === 'list') return columnsOf(source.fields, source.table);
    return source.kind === 'column' ? [{ table, column: source.column, field }] : [];
  });
}

/** By `pg_type.typcategory`: what `to_json` makes of values of these types; texts of all others. */
const kinds: Readonly<Record<string, string>> = {
  N: 'a number',
  B: 'a boolean',
  A: 'an array',
  C: 'an object',
};

function complaintAbout(
  { source, schema }: Field,
  { category, name }: { readonly category: string; readonly name: string },
): string | undefined {
  if (source.kind !== 'column') return undefined;
  if (source.form === 'timestamp') {
    return /^timestamp/.test(name) ? undefined : 'so its changes cannot be told: a timestamp is expected';
  }
  // Whatever it is, it is told as text.
  if (source.form === 'text') return undefined;
  const expected = jsonKindOf(schema);
  const is = /^jsonb?$/.test(name) ? undefined : (kinds[category] ?? 'a string');
  if (expected === undefined || is === undefined || is === expected) return undefined;
  return `so it is told as ${is}, and the catalogue says ${expected}`;
}

/** Undefined where any will do. */
function jsonKindOf(schema: Field['schema']): string | undefined {
  const { type, anyOf } = z.toJSONSchema(schema, { unrepresentable: 'any' });
  const types = [type, ...(anyOf ?? []).map((one) => (typeof one === 'object' ? one.type : undefined))];
  const known = types.find((one) => typeof one === 'string' && one !== 'null') as string | undefined;
  if (known === 'integer' || known === 'number') return 'a number';
  if (known === 'array' || known === 'object') return `an ${known}`;
  return known === undefined ? undefined : `a ${known}`;
}
