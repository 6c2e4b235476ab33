/** Columns of tables: how their values become JSON. */
import { getTableColumns, getTableName } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { z, type ZodType } from 'zod';

/** How a column's value becomes JSON: as it is, as a text, or as a timestamp of the envelope's form. */
export type ColumnForm = 'plain' | 'text' | 'timestamp';

/** By its property; throws an `Error` for one that is none. */
export function columnOf(table: PgTable, property: string) {
  const column = getTableColumns(table)[property];
  if (!column) throw new Error(`table ${getTableName(table)} has no column for "${property}"`);
  return column;
}

/** Timestamps inside payloads look like the envelope's: ISO 8601, UTC, milliseconds, `Z`. */
export const isoTimestamp = z.string().regex(/^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
/** Numbers with more digits than a double holds travel as text. */
const digits = z.string().regex(/^(-?\d+(\.\d+)?|NaN|-?Infinity)$/);

/** How a column of this SQL type is told: the form, and the schema of what comes of it. */
export function columnForm(sqlType: string): { form: ColumnForm; schema: ZodType } {
  if (sqlType.endsWith(']')) return { form: 'plain', schema: z.array(z.unknown()) };
  if (/^(numeric|bigint|bigserial)/.test(sqlType)) return { form: 'text', schema: digits };
  if (sqlType.startsWith('timestamp')) return { form: 'timestamp', schema: isoTimestamp };
  if (/^(integer|smallint|serial|smallserial)$/.test(sqlType)) return { form: 'plain', schema: z.int() };
  if (sqlType === 'boolean') return { form: 'plain', schema: z.boolean() };
  if (sqlType === 'json' || sqlType === 'jsonb') return { form: 'plain', schema: z.unknown() };
  if (sqlType === 'real' || sqlType === 'double precision') return { form: 'plain', schema: z.number() };
  return { form: 'plain', schema: z.string() };
}

/** How a column of any type becomes a text; absent where it is one. */
export function textForm(sqlType: string): { form?: ColumnForm } {
  if (sqlType.startsWith('timestamp')) return { form: 'timestamp' };
  return isText(sqlType) || sqlType === 'uuid' ? {} : { form: 'text' };
}

/** Whether a column's values are texts in the database too. */
export const isText = (sqlType: string): boolean => /^(text|varchar|char)[^[]*$/.test(sqlType);
