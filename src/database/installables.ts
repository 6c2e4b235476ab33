/** Everything that is installed by running its text, again whenever the text changes: functions and triggers. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Catalog } from '../catalog/index.js';
import { rightsFunctionSql } from '../catalog/rights.js';
import { literal, qualified } from '../catalog/sql.js';
import { tableTrigger, watchedTables } from '../catalog/triggers.js';

const folder = new URL('../../migrations/functions/', import.meta.url);

export interface Installable {
  readonly name: string;
  readonly text: string;
  readonly hash: string;
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 32);
const installable = (name: string, text: string): Installable => ({ name, text, hash: hashOf(text) });

/** Everything that is installed by its text, in the order it is installed in. */
export async function installables(catalog: Catalog): Promise<Installable[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), 'utf8')));
  return [
    ...files.map((file, index) => installable(`functions/${file}`, texts[index] ?? '')),
    installable('doorbell', doorbellSql),
    ...(catalog.lobbies ? [installable('rights', rightsFunctionSql(catalog.lobbies))] : []),
    ...watchedTables(catalog).map((table) => {
      const { functionName, functionSql } = tableTrigger(catalog, table);
      return installable(
        `triggers/${table.schema}.${table.name}`,
        `${functionSql}\n${triggerSql(qualified(table), functionName)}`,
      );
    }),
  ];
}

/** Functions that only triggers call. */
const triggerFunctions = new Set(['functions/doorbell.sql', 'functions/emit.sql']);

/** What the log needs to be written, numbered and read by somebody who has no triggers. */
export async function logInstallables(texts: ReadonlyMap<string, string>): Promise<Installable[]> {
  const functions = (await installables({ families: [], rights: [] })).filter(
    ({ name }) => name.startsWith('functions/') && !triggerFunctions.has(name),
  );
  return [...functions, ...[...texts].map(([name, text]) => installable(name, text))];
}

// No WHEN clause: it would be parsed anew by every statement that writes an event, which costs more than the calls it saves.
const doorbellSql = `
do $$ begin
  if not exists (select from pg_trigger where tgrelid = 'realtime.events'::regclass and tgname = 'ring') then
    create constraint trigger ring after insert on realtime.events
      deferrable initially deferred for each row execute function realtime.ring();
  end if;
end $$;`;

/**
 * Made once: all logic is in the function, which is replaced without a lock on the table. Who installs need not own
 * the table and then may not drop its triggers, but a function of ours takes them with it.
 */
function triggerSql(table: string, functionName: string): string {
  const ofTable = `t.tgrelid = ${literal(table)}::regclass`;
  const missing = (name: string) =>
    `if not exists (select from pg_trigger t where ${ofTable} and t.tgname = '${name}') then`;
  return `do $$
declare
  other regprocedure;
begin
  -- Those that call another function of ours: the table had another name when they were made.
  for other in
    select distinct p.oid from pg_trigger t join pg_proc p on p.oid = t.tgfoid
    where ${ofTable} and t.tgname in ('realtime_change', 'realtime_truncate')
      and p.pronamespace = 'realtime'::regnamespace and p.oid <> ${literal(`${functionName}()`)}::regprocedure
  loop
    execute format('drop function %s cascade', other);
  end loop;
  ${missing('realtime_change')}
    create trigger realtime_change after insert or update or delete on ${table}
      for each row execute function ${functionName}();
  end if;
  ${missing('realtime_truncate')}
    create trigger realtime_truncate after truncate on ${table}
      for each statement execute function ${functionName}();
  end if;
end $$;`;
}
