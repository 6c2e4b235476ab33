/** Compares what is installed in the database with the catalogue: steps, columns, functions, triggers. */
import type pg from 'pg';
import type { TableRef } from '../../catalog/define.js';
import { qualified } from '../../catalog/sql.js';
import { tableTrigger, watchedTables } from '../../catalog/triggers.js';
import type { Catalog } from '../../catalog/index.js';
import { columnsRead } from '../../database/expectations.js';
import { installables } from '../../database/installables.js';
import { pendingSteps } from '../../database/migrate.js';
import { failed, ok, warning, type Result } from './check.js';

const repair = 'Run "hashi-socket migrate --repair".';
/** Of a trigger that was silent. */
const thenResync = 'Then "hashi-socket resync": clients were told nothing of what changed meanwhile.';

export async function checkSteps(client: pg.Client, catalog: Catalog): Promise<Result> {
  const steps = await pendingSteps(client, catalog);
  if (steps.length === 0) return ok('schema', 'The database is up to date.');
  const shown = `${steps.slice(0, 3).join(', ')}${steps.length > 3 ? ', …' : ''}`;
  return failed('schema', `${steps.length} steps are pending: ${shown}.`, 'Run "hashi-socket migrate".');
}

export async function checkColumns(client: pg.Client, catalog: Catalog): Promise<Result> {
  const missing: string[] = [];
  let count = 0;
  for (const { table, columns } of columnsRead(catalog).values()) {
    const { rows } = await client.query<{ name: string }>(
      `select attname as name from pg_attribute
       where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`,
      [qualified(table)],
    );
    const there = new Set(rows.map(({ name }) => name));
    count += columns.size;
    if (there.size === 0) missing.push(`the table ${qualified(table)}`);
    else
      missing.push(
        ...[...columns].filter((name) => !there.has(name)).map((name) => `${qualified(table)}.${name}`),
      );
  }
  if (missing.length === 0) return ok('columns', `All ${count} columns that events are made of are there.`);
  return failed(
    'columns',
    `Missing: ${missing.join(', ')}. Changes of these tables cannot be told as events.`,
    'Add them back, or change the catalogue to the new names and run "hashi-socket migrate".',
  );
}

/** By text: what somebody has replaced by hand is not what was tested. */
export const checkFunctions = async (client: pg.Client, catalog: Catalog): Promise<Result> =>
  compareFunctions(client, await installables(catalog), repair);

export async function compareFunctions(
  client: pg.Client,
  installed: readonly { readonly text: string }[],
  fix: string,
): Promise<Result> {
  const texts = installed.map(({ text }) => text).join('\n');
  const wanted = new Map(
    [...texts.matchAll(/create or replace function ([\w."]+)\s*\(.*?\bas (\$\w*\$)(.*?)\2/gis)].map(
      ([, name = '', , body = '']) => [name.replaceAll('"', ''), body] as const,
    ),
  );
  const { rows } = await client.query<{ name: string; body: string }>(
    `select 'realtime.' || proname as name, prosrc as body from pg_proc where pronamespace = to_regnamespace('realtime')`,
  );
  const there = new Map(rows.map(({ name, body }) => [name, body]));
  const missing = [...wanted.keys()].filter((name) => !there.has(name));
  const changed = [...wanted].filter(([name, body]) => there.has(name) && there.get(name) !== body);
  if (missing.length + changed.length === 0)
    return ok('functions', `All ${wanted.size} functions are as they should be.`);
  const parts = [
    missing.length > 0 ? `missing: ${missing.join(', ')}` : '',
    changed.length > 0 ? `changed: ${changed.map(([name]) => name).join(', ')}` : '',
  ];
  return failed('functions', `Functions ${parts.filter((part) => part !== '').join('; ')}.`, fix);
}

interface TriggerRow {
  readonly enabled: string;
  readonly definition: string;
}

interface WantedTrigger {
  readonly table: string;
  readonly name: string;
  /** What its definition must say; the rest is how the server prints it. */
  readonly definition: RegExp;
}

export async function checkTriggers(client: pg.Client, catalog: Catalog): Promise<Result[]> {
  const wanted = [
    ...watchedTables(catalog).flatMap((table) => triggersOf(catalog, table)),
    {
      table: 'realtime.events',
      name: 'ring',
      definition:
        /^CREATE CONSTRAINT TRIGGER ring AFTER INSERT ON realtime\.events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION realtime\.ring\(\)$/,
    },
  ];
  const results: Result[] = [];
  // Of a table that is gone, the columns are told already.
  const { rows } = await client.query<{ name: string }>(
    'select name from unnest($1::text[]) name where to_regclass(name) is not null',
    [wanted.map(({ table }) => table)],
  );
  const tables = new Set(rows.map(({ name }) => name));
  const gone = [...new Set(wanted.map(({ table }) => table))].filter((table) => !tables.has(table));
  if (gone.length > 0) {
    const detail = `${gone.join(', ')} ${gone.length === 1 ? 'is' : 'are'} missing, and so are the triggers there.`;
    results.push(failed('triggers', detail, `Make the table again. ${repair} ${thenResync}`));
  }
  for (const trigger of wanted.filter(({ table }) => tables.has(table)))
    results.push(...(await checkTrigger(client, trigger)));
  return results.length > 0
    ? results
    : [ok('triggers', `All ${wanted.length} triggers are there and enabled.`)];
}

function triggersOf(catalog: Catalog, table: TableRef): WantedTrigger[] {
  const { functionName } = tableTrigger(catalog, table);
  const call = `EXECUTE FUNCTION ${functionName.replaceAll('.', '\\.')}\\(\\)$`;
  return [
    {
      table: qualified(table),
      name: 'realtime_change',
      definition: new RegExp(`AFTER INSERT OR DELETE OR UPDATE ON \\S+ FOR EACH ROW ${call}`),
    },
    {
      table: qualified(table),
      name: 'realtime_truncate',
      definition: new RegExp(`AFTER TRUNCATE ON \\S+ FOR EACH STATEMENT ${call}`),
    },
  ];
}

async function checkTrigger(
  client: pg.Client,
  { table, name, definition }: WantedTrigger,
): Promise<Result[]> {
  const { rows } = await client.query<TriggerRow>(
    `select tgenabled as enabled, pg_get_triggerdef(oid) as definition from pg_trigger
     where tgrelid = to_regclass($1) and tgname = $2`,
    [table, name],
  );
  const [found] = rows;
  const what = `The trigger ${name} of ${table}`;
  if (!found)
    return [failed('triggers', `${what} is missing: changes there are not told.`, `${repair} ${thenResync}`)];
  if (found.enabled === 'D' || found.enabled === 'R') {
    const state = found.enabled === 'D' ? 'disabled' : 'enabled for replicas only';
    return [
      failed(
        'triggers',
        `${what} is ${state}: changes there are not told.`,
        `alter table ${table} enable trigger ${name}; ${thenResync.replace('Then', 'then')}`,
      ),
    ];
  }
  if (!definition.test(found.definition)) {
    return [
      failed(
        'triggers',
        `${what} has been changed: ${found.definition}.`,
        `drop trigger ${name} on ${table}, then ${repair.replace('Run', 'run')}`,
      ),
    ];
  }
  return found.enabled === 'A'
    ? [
        warning(
          'triggers',
          `${what} is enabled always: rows that replication copies are told as changes.`,
          `alter table ${table} enable trigger ${name}`,
        ),
      ]
    : [];
}
