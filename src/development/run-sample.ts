/** Makes one sample change: its own fixed statements, on rows that samples have made. */
import type { Pool } from 'pg';
import { DeskError } from './requests.js';
import { bind, mostRows, needs, ownership, samples, type SampleValues } from './samples.js';

export interface SampleResult {
  /** How many rows each statement has changed. */
  readonly rows: readonly number[];
  /** What a new lobby or contract is called. */
  readonly made: { readonly lobby?: string; readonly contract?: string };
}

/** @throws DeskError when there is no such sample, a value is missing or names a row of others, or there are enough */
export async function runSample(
  pool: Pick<Pool, 'query'>,
  name: string,
  values: SampleValues,
): Promise<SampleResult> {
  const sample = samples.find((one) => one.name === name);
  if (sample === undefined) throw new DeskError(404, 'There is no sample of this name.');
  for (const need of needs(sample)) {
    if (values[need] === undefined) throw new DeskError(400, `This sample needs a ${need}.`);
    if (need === 'player') continue;
    const { rowCount } = await run(pool, ownership[need], values);
    if (rowCount === 0) throw new DeskError(409, `No sample has made this ${need}, or it is gone.`);
  }
  if (sample.count !== undefined) {
    const { rows } = await run(pool, sample.count, values);
    if (Number((rows[0] as { count: string } | undefined)?.count) >= mostRows) {
      throw new DeskError(409, `There are ${mostRows} of these already: remove the samples first.`);
    }
  }
  const rows: number[] = [];
  let made: SampleResult['made'] = {};
  for (const sql of sample.sql) {
    const result = await run(pool, sql, values);
    rows.push(result.rowCount ?? 0);
    made = { ...made, ...(result.rows[0] as SampleResult['made'] | undefined) };
  }
  return { rows, made };
}

function run(pool: Pick<Pool, 'query'>, sql: string, values: SampleValues) {
  const { text, values: bound } = bind(sql, values);
  return pool.query(text, bound);
}
