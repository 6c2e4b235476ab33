/** The pieces of SQL that a payload is made of. */
import type { Audience, ColumnForm, Field, Fields, Hop, TableRef } from './define.js';

/** The record variables a trigger function works with: the family's row, and the row that changed. */
export interface Rows {
  readonly subject: string;
  /** Null where the row that changed is the family's own. */
  readonly changed: string | null;
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

/** The expression for one field, of the row in `rows.subject`. */
function fieldSql({ source }: Field, rows: Rows): string {
  const row = rows.subject;
  switch (source.kind) {
    case 'column':
      return formed(`${row}.${ident(source.column)}`, source.form);
    case 'lookup':
      return source.through
        ? `(select o.${ident(source.column)} from ${qualified(source.through.table)} t` +
            ` join ${qualified(source.table)} o on o.${ident(source.key)} = t.${ident(source.by)}` +
            ` where t.${ident(source.through.key)} = ${row}.${ident(source.through.by)})`
        : byHop(source, row, source.column);
    case 'list': {
      const fields = fieldLines(source.fields, { subject: 't', changed: null }, 5);
      return [
        '(',
        `  select coalesce('[' || string_agg(row_to_json(o)::text, ',' order by ${orderSql(source)}) || ']', '[]')::json`,
        `  from ${qualified(source.table)} t`,
        `  cross join lateral (\n    select\n      ${indent(fields, 1)}\n  ) o`,
        `  where t.${ident(source.by)} = ${row}.${ident(source.key)}`,
        ')',
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
export function objectSql(fields: Fields, rows: Rows): string {
  return `(\n  select row_to_json(o) from (\n    select\n      ${fieldLines(fields, rows, 6)}\n  ) o\n)`;
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
