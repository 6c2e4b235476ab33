/** Checks of a database that `hashi-socket/adapter` uses, with the server or alone. */
import type pg from 'pg';
import { adapterTexts } from '../../adapter/install.js';
import { logInstallables } from '../../database/installables.js';
import { pendingSteps } from '../../database/migrate.js';
import { duration, failed, ok, warning, type Result } from './check.js';
import { compareFunctions } from './installed.js';

const repair =
  'Delete the rows of realtime.installed whose functions were changed, and start a server with the adapter as the owner of the schema realtime.';
/** Whoever leaves messages behind deletes them after half a minute or so. */
const leftSeconds = 600;

/** Whether nothing but the adapter has installed anything: there is no trigger to ring for. */
export async function isAdapterAlone(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ alone: boolean }>(
    `select exists (select from realtime.installed where name like 'adapter/%')
       and not exists (select from realtime.installed where name = 'doorbell') as alone`,
  );
  return rows[0]?.alone === true;
}

export async function checkAdapterInstall(client: pg.Client): Promise<Result[]> {
  const logWith = await adapterTexts();
  const steps = await pendingSteps(client, { families: [], rights: [] }, logWith);
  return [
    steps.length === 0
      ? ok('schema', 'The adapter alone uses this database, and it is up to date.')
      : failed(
          'schema',
          `${steps.length} steps of the adapter are pending: ${steps.slice(0, 3).join(', ')}.`,
          'Start a server with the adapter as the owner of the schema realtime, without "install: false".',
        ),
    await compareFunctions(client, await logInstallables(logWith), repair),
  ];
}

/** What its instances leave in tables: large messages for a moment, sessions as long as they can be taken up. */
export async function checkAdapterTables(client: pg.Client): Promise<Result> {
  const { rows } = await client.query<{ left: number; seconds: number; sessions: boolean }>(
    `select count(*)::int as left, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as seconds,
       to_regclass('realtime.adapter_sessions') is not null as sessions from realtime.attachments`,
  );
  const { left = 0, seconds = 0, sessions = false } = rows[0] ?? {};
  const kept = sessions ? await client.query<{ open: number; gone: number }>(sessionsSql) : undefined;
  const { open = 0, gone = 0 } = kept?.rows[0] ?? {};
  const told = sessions ? ` ${open} sessions are open and ${gone} can be taken up.` : '';
  if (left > 0 && seconds > leftSeconds) {
    return warning(
      'adapter',
      `${left} messages between instances were left behind, the oldest ${duration(seconds)} ago.${told}`,
      `delete from realtime.attachments where created_at < now() - interval '${leftSeconds} s'`,
    );
  }
  return ok('adapter', `No message between instances is left behind.${told}`);
}

const sessionsSql = `select count(*) filter (where disconnected_at is null)::int as open,
  count(*) filter (where disconnected_at is not null)::int as gone from realtime.adapter_sessions`;
