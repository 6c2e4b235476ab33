/** The pieces of SQL that a payload is made of. */
import type { Audience, ColumnForm, Field, Fields, Hop, TableRef } from './define.js';

/** The record variables a trigger function works with: the family's row, and the row that changed. */
export interface Rows {
  readonly subject: string;
  /** Null where the row that changed is the family's own. */
  readonly changed: string | null;
  /** Rows that several fields look up: joined once, by what leads to them. */
  readonly joined?: ReadonlyMap<string, string>;
}

const plainName = /^[a-z_][a-z0-9_]*$/;

/** A name as SQL; quoted where it must be. */
export const ident = (name: string): string =>
  plainName.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
export const literal = (value: string): string => `'${value.replaceAll("'", "''")}'`;
export const qualified = (table: TableRef): string => `${ident(table.schema)}.${ident(table.name)}`;

const indent = (text: string, by: number): string => text.replaceAll('\n', `\n${' '.repeat(by)}`);

function formed(value: string, form: ColumnForm): string {
  switch (form) {
    case 'plain':
      return value;
    case 'text':
      return `${value}::text`;
    case 'timestamp':
      return `realtime.iso(${value})`;
  }
}

function byHop(hop: Hop, row: string, column: string): string {
  return `(select t.${ident(column)} from ${qualified(hop.table)} t where t.${ident(hop.key)} = ${row}.${ident(hop.by)})`;
}

const hopKey = ({ table, key, by }: Hop): string => [table.schema, table.name, key, by].join('\0');

/** The rows that more than one field looks up directly, each with a name. Fields of lists look up on their own. */
function sharedLookups(fields: Fields): Map<string, { readonly hop: Hop; readonly alias: string }> {
  const found = new Map<string, { hop: Hop; uses: number }>();
  const visit = (within: Fields): void => {
    for (const { source } of Object.values(within)) {
      if (source.kind === 'object') visit(source.fields);
      if (source.kind !== 'lookup' || source.through) continue;
      const known = found.get(hopKey(source));
      if (known) known.uses++;
      else found.set(hopKey(source), { hop: source, uses: 1 });
    }
  };
  visit(fields);
  const shared = [...found].filter(([, { uses }]) => uses > 1);
  return new Map(shared.map(([key, { hop }], index) => [key, { hop, alias: `found_${index + 1}` }]));
}

/** The expression for one field, of the row in `rows.subject`. */
function fieldSql({ source }: Field, rows: Rows): string {
  const row = rows.subject;
  switch (source.kind) {
    case 'column':
      return formed(`${row}.${ident(source.column)}`, source.form);
    case 'lookup': {
      const alias = source.through ? undefined : rows.joined?.get(hopKey(source));
      if (alias) return `${alias}.${ident(source.column)}`;
      return source.through
        ? `(select o.${ident(source.column)} from ${qualified(source.through.table)} t` +
            ` join ${qualified(source.table)} o on o.${ident(source.key)} = t.${ident(source.by)}` +
            ` where t.${ident(source.through.key)} = ${row}.${ident(source.through.by)})`
        : byHop(source, row, source.column);
    }
    case 'list': {
      // An array of a subquery costs half of what an ordered aggregate does.
      const fields = fieldLines(source.fields, { subject: 't', changed: null }, 6);
      return [
        'array_to_json(array(',
        '  select row_to_json(o) from (',
        '    select',
        `      ${fields}`,
        `    from ${qualified(source.table)} t`,
        `    where t.${ident(source.by)} = ${row}.${ident(source.key)}`,
        `    order by ${orderSql(source)}`,
        '  ) o',
        '))',
      ].join('\n');
    }
    case 'count':
      return `(select count(*) from ${qualified(source.table)} t where t.${ident(source.by)} = ${row}.${ident(source.key)})`;
    case 'changed':
      return rows.changed ? `${rows.changed}.${ident(source.column)}` : 'null::text';
    case 'object':
      return objectSql(source.fields, rows);
    case 'expression':
      return source.sql;
  }
}

/** "C" is the order of bytes: the same on every database, whatever its locale. */
const orderSql = (source: { orderBy: string; orderIsText: boolean }): string =>
  `t.${ident(source.orderBy)}${source.orderIsText ? ' collate "C"' : ''}`;

function fieldLines(fields: Fields, rows: Rows, by: number): string {
  return Object.entries(fields)
    .map(([key, field]) => `${indent(fieldSql(field, rows), by)} as "${key.replaceAll('"', '""')}"`)
    .join(`,\n${' '.repeat(by)}`);
}

/** `select`s one JSON object; `row_to_json` keeps the order of keys and writes no white space. */
export function objectSql(fields: Fields, rows: Rows, from = ''): string {
  return `(\n  select row_to_json(o) from (\n    select\n      ${fieldLines(fields, rows, 6)}${from}\n  ) o\n)`;
}

/** The same for a whole message: what several of its fields look up is found once. */
export function messageSql(fields: Fields, rows: Rows): string {
  const shared = sharedLookups(fields);
  if (shared.size === 0) return objectSql(fields, rows);
  const joins = [...shared.values()].map(
    ({ hop, alias }) =>
      `\n    left join ${qualified(hop.table)} ${alias} on ${alias}.${ident(hop.key)} = ${rows.subject}.${ident(hop.by)}`,
  );
  const joined = new Map([...shared].map(([key, { alias }]) => [key, alias]));
  return objectSql(fields, { ...rows, joined }, `\n    from (select) one${joins.join('')}`);
}

/** The name of the room an event of the family goes to; `'*'` is everyone, null nobody. */
export function audienceSql(audience: Audience, rows: Rows): { room: string; player: string } {
  switch (audience.kind) {
    case 'everyone':
      return { room: `'*'`, player: 'null' };
    case 'room': {
      const id = audience.through
        ? byHop(audience.through, rows.subject, audience.column)
        : `${rows.subject}.${ident(audience.column)}`;
      return { room: `${literal(`${audience.prefix}:`)} || ${id}`, player: 'null' };
    }
    case 'player':
      return { room: 'null', player: `${rows.subject}.${ident(audience.column)}` };
  }
}
