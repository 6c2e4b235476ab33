/** What the trigger function of a table is called: no two tables share one. */
import { createHash } from 'node:crypto';
import type { TableRef } from './define.js';
import { ident } from './sql.js';

/** What Postgres would cut a name to, in bytes. */
const longestName = 63;

/** `realtime.on_contracts`; with the dot of the qualified name elsewhere than in `public`: `a_b.c` and `a.b_c` are two tables. */
export function functionNameOf({ schema, name }: TableRef): string {
  const table = schema === 'public' ? name : `${schema}.${name}`;
  const short =
    Buffer.byteLength(`on_${table}`) > longestName
      ? createHash('sha256').update(table).digest('hex').slice(0, 32)
      : table;
  return `realtime.${ident(`on_${short}`)}`;
}
