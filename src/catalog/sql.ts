/** The pieces of SQL that a payload is made of. */
import type { Audience, ColumnForm, Field, Fields, Hop, TableRef } from './define.js';

/** The record variables a trigger function works with: the family's row, and the row that changed. */
export interface Rows {
  readonly subject: string;
  /** Null where the row that changed is the family's own. */
  readonly changed: string | null;
  /** What has been looked up into variables, by what leads to it. */
  readonly found?: ReadonlyMap<string, Found>;
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

/** Values of one other row that a message holds: looked up once, before the message is built, into variables. */
interface Found {
  readonly hop: Hop;
  /** By column. */
  readonly variables: Map<string, string>;
  readonly forms: Map<string, ColumnForm>;
}

/** The rows that fields look up directly, by what leads to them. Fields of lists look up on their own. */
function lookupsOf(fields: Fields): Map<string, Found> {
  const rows = new Map<string, Found>();
  let values = 0;
  const visit = (within: Fields): void => {
    for (const { source } of Object.values(within)) {
      if (source.kind === 'object') visit(source.fields);
      if (source.kind !== 'lookup' || source.through) continue;
      const row = rows.get(hopKey(source)) ?? { hop: source, variables: new Map(), forms: new Map() };
      rows.set(hopKey(source), row);
      row.forms.set(source.column, source.form ?? 'plain');
      if (!row.variables.has(source.column)) row.variables.set(source.column, `found_${++values}`);
    }
  };
  visit(fields);
  return rows;
}

/** The variable that a field's value has been looked up into. */
function variableOf({ source }: Field, rows: Rows): string | undefined {
  if (source.kind !== 'lookup' || source.through) return undefined;
  return rows.found?.get(hopKey(source))?.variables.get(source.column);
}

/** The expression for one field, of the row in `rows.subject`. */
function fieldSql({ source, schema }: Field, rows: Rows): string {
  const row = rows.subject;
  switch (source.kind) {
    case 'column':
      return formed(`${row}.${ident(source.column)}`, source.form);
    case 'lookup': {
      const variable = variableOf({ source, schema }, rows);
      if (variable !== undefined) return variable;
      const form = source.form ?? 'plain';
      return source.through
        ? `(select ${formed(`o.${ident(source.column)}`, form)} from ${qualified(source.through.table)} t` +
            ` join ${qualified(source.table)} o on o.${ident(source.key)} = t.${ident(source.by)}` +
            ` where t.${ident(source.through.key)} = ${row}.${ident(source.through.by)})`
        : formed(byHop(source, row, source.column), form);
    }
    case 'list': {
      // An array of a subquery costs half of what an ordered aggregate does, and a sort within it would be a plan of its own. `o.*`
      // is the row: `o` alone might be a column of the table.
      const fields = fieldLines(source.fields, { subject: 't', changed: null }, 6);
      return [
        'array_to_json(array(',
        `  select row_to_json(o.*) from ${qualified(source.table)} t, lateral (`,
        '    select',
        `      ${fields}`,
        '  ) o',
        `  where t.${ident(source.by)} = ${row}.${ident(source.key)}`,
        `  order by ${orderSql(source)}`,
        '))',
      ].join('\n');
    }
    case 'count':
      return `(select count(*) from ${qualified(source.table)} t where t.${ident(source.by)} = ${row}.${ident(source.key)})`;
    case 'changed':
      return rows.changed
        ? formed(`${rows.changed}.${ident(source.column)}`, source.form ?? 'plain')
        : 'null::text';
    case 'object':
      return objectSql(source.fields, rows);
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
function objectSql(fields: Fields, rows: Rows): string {
  return `(\n  select row_to_json(o) from (\n    select\n      ${fieldLines(fields, rows, 6)}\n  ) o\n)`;
}

/** A whole message: the statements that make it, and the text variables that they set. */
export interface MessageSql {
  readonly variables: readonly string[];
  readonly statements: string;
}

/** The block of a trigger function: in a query that has columns, its variables are called by it. */
export const block = 'change';

const valueText = (value: string) => `coalesce(to_json(${value}), 'null')`;

/**
 * Sets `body` to a message without its beginning, `{"type":…,`. Its keys are put together as text: a row around the payload would be
 * one query more.
 *
 * What leads nowhere is not looked up: starting a query costs as much as a third of the message's columns.
 * @param again whether the variables may hold what an earlier round has found
 */
export function messageSql(
  { keys, payload }: { readonly keys: Fields; readonly payload: Field },
  rows: Rows,
  again: boolean,
): MessageSql {
  const found = lookupsOf({ ...keys, payload });
  const lookups = [...found.values()].flatMap(({ hop, variables, forms }) => {
    const by = `${rows.subject}.${ident(hop.by)}`;
    const columns = [...forms].map(([column, form]) => formed(`t.${ident(column)}`, form)).join(', ');
    return [
      ...(again ? [...variables.values()].map((variable) => `${variable} := null;`) : []),
      `if ${by} is not null then`,
      `  select ${columns} into ${[...variables.values()].join(', ')}`,
      `  from ${qualified(hop.table)} t where t.${ident(hop.key)} = ${by};`,
      `end if;`,
    ];
  });
  const within = { ...rows, found };
  const parts = Object.entries(keys).map(([key, field], index) => {
    const variable = variableOf(field, within);
    const value = variable === undefined ? fieldSql(field, within) : `${block}.${variable}`;
    return `  ${literal(`${index === 0 ? '' : ','}${JSON.stringify(key)}:`)}, ${indent(valueText(value), 2)},`;
  });
  const { source } = payload;
  const [value, from] =
    source.kind === 'object'
      ? ['row_to_json(o.*)', `\nfrom (\n  select\n    ${fieldLines(source.fields, within, 4)}\n) o`]
      : [valueText(fieldSql(payload, within)), ''];
  const body = [
    `select concat(`,
    ...parts,
    `  ${literal(`${parts.length === 0 ? '' : ','}"timestamp":"`)}, realtime.iso(${block}.at), '","payload":',`,
    `  ${indent(value, 2)}, '}'`,
    `) into body${from};`,
  ];
  return {
    variables: [...found.values()].flatMap(({ variables }) => [...variables.values()]),
    statements: [...lookups, ...body].join('\n'),
  };
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
