/** Checks of the Postgres server itself: version, rights, LISTEN, clock, transactions. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { TableRef } from '../../catalog/define.js';
import { membershipTables, type Catalog } from '../../catalog/index.js';
import { qualified } from '../../catalog/sql.js';
import type { Config } from '../../config.js';
import { connectClient } from '../../database/client.js';
import { checkRights, checkServer } from '../../database/expectations.js';
import { OperatorError } from '../../errors.js';
import { duration, failed, ok, warning, type Result } from './check.js';

const listenMs = 3_000;
const skewWarningSeconds = 1;
const skewFailureSeconds = 5;
const openTransactionSeconds = 600;

export async function checkVersion(client: pg.Client): Promise<Result> {
  try {
    await checkServer(client);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return failed('version', 'This database cannot be used.', error.message);
  }
  const { rows } = await client.query<{ version: string }>(
    `select split_part(version(), ' on ', 1) as version`,
  );
  return ok('version', `${rows[0]?.version ?? 'PostgreSQL'}, writable.`);
}

/** What an instance calls. */
const functionsServed = [
  'advance',
  'follow',
  'read',
  'read_for',
  'moves_of',
  'holds',
  'kept',
  'rotate',
  'ensure_epoch',
  'health',
  'adapter_append',
  'adapter_secret',
  'adapter_attach',
  'adapter_attached',
  'adapter_forget_attachments',
];
/** What memberships and rights to subscribe are read from: of each table, its columns. */
function columnsServed(catalog: Catalog): { relation: string; name: string }[] {
  const served = (table: TableRef, ...columns: string[]) =>
    columns.map((name) => ({ relation: qualified(table), name }));
  const memberships = membershipTables(catalog).flatMap(({ table, room, player }) =>
    served(table, room, player),
  );
  if (!catalog.lobbies) return memberships;
  const { lobbies: l, participants: p, contracts: c } = catalog.lobbies;
  return [
    ...memberships,
    ...served(p.table, p.joinedAt),
    ...served(l.table, l.id, l.code, l.visibility),
    ...served(c.table, c.lobby, c.mediator),
  ];
}

/** Of who migrates, everything; of who only serves, what serving takes. */
export async function checkRole(client: pg.Client, catalog: Catalog, config: Config): Promise<Result> {
  try {
    if (config.migrateOnStart) {
      await checkRights(client, catalog);
      return ok('rights', 'The role may install and replace functions and triggers.');
    }
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return failed('rights', 'The role may not bring the database up to date.', error.message);
  }
  const served = columnsServed(catalog);
  const { rows } = await client.query<{ role: string; missing: string[] }>(
    `select current_user as role, array(
       select 'EXECUTE on ' || p.oid::regprocedure from pg_proc p
       where p.pronamespace = to_regnamespace('realtime') and p.proname = any ($1)
         and not has_function_privilege(p.oid, 'execute')
       union all
       select format('SELECT (%s) on %s', c.name, c.relation)
       from unnest($2::text[], $3::text[]) c (relation, name)
       where to_regclass(c.relation) is not null
         and not has_column_privilege(to_regclass(c.relation), c.name, 'select')) as missing`,
    [functionsServed, served.map(({ relation }) => relation), served.map(({ name }) => name)],
  );
  const { role = '', missing = [] } = rows[0] ?? {};
  if (missing.length === 0) return ok('rights', 'The role may read and number the log.');
  return failed(
    'rights',
    `Role "${role}" lacks ${missing.join(', ')}.`,
    'Grant them; deploy/roles.sql has the statements.',
  );
}

/** A pooler in transaction mode takes LISTEN and gives the connection to somebody else. */
export async function checkListen(client: pg.Client, url: string): Promise<Result> {
  const channel = `hashi_doctor_${process.pid}`;
  const heard = new Promise<boolean>((resolve) => {
    client.on('notification', (message) => {
      if (message.channel === channel) resolve(true);
    });
  });
  await client.query(`listen ${channel}`);
  const other = await connectClient({ url, applicationName: 'hashi-socket doctor', pinned: true });
  try {
    await other.query(`notify ${channel}`);
    if (await Promise.race([heard, sleep(listenMs, false)])) {
      return ok('notifications', 'LISTEN works: changes are told at once.');
    }
    return failed(
      'notifications',
      `A notification did not arrive within ${listenMs / 1_000} s: a pooler in transaction mode stands between.`,
      'Point DATABASE_URL at Postgres itself, or at a pooler in session mode.',
    );
  } finally {
    await other.end();
    await client.query(`unlisten ${channel}`);
  }
}

/** Tokens are checked by this machine's clock, events are stamped with the database's. */
export async function checkClock(client: pg.Client): Promise<Result> {
  let best: { skew: number; trip: number } | undefined;
  // The shortest of three round trips tells most.
  for (let attempt = 0; attempt < 3; attempt++) {
    const before = Date.now();
    const { rows } = await client.query<{ now: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
    );
    const after = Date.now();
    const trip = after - before;
    if (!best || trip < best.trip) best = { trip, skew: (rows[0]?.now ?? after) - (before + after) / 2 };
  }
  const { skew = 0, trip = 0 } = best ?? {};
  const seconds = Math.max(0, Math.abs(skew) - trip / 2) / 1_000;
  const detail = `This machine and the database differ by ${seconds < 0.1 ? 'less than 0.1' : seconds.toFixed(1)} s.`;
  const fix = 'Let NTP set both clocks.';
  if (seconds > skewFailureSeconds) return failed('clock', detail, fix);
  return seconds > skewWarningSeconds ? warning('clock', detail, fix) : ok('clock', detail);
}

/** Of a role that may not read statistics, Postgres hides when the transactions of others began. */
async function hiddenSessions(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and usename <> current_user
       and not pg_has_role('pg_read_all_stats', 'usage') and not pg_has_role(usesysid, 'usage')`,
  );
  return rows[0]?.count ?? 0;
}

/** They hold nothing back here, but keep dead rows and the notification queue. */
export async function checkTransactions(client: pg.Client): Promise<Result> {
  const { rows } = await client.query<{ pid: number; name: string; state: string; seconds: number }>(
    `select * from (
       select pid, coalesce(nullif(application_name, ''), usename, 'unknown') as name, coalesce(state, '') as state,
         extract(epoch from clock_timestamp() - xact_start)::float8 as seconds
       from pg_stat_activity
       where xact_start is not null and pid <> pg_backend_pid() and backend_type = 'client backend'
         and datname = current_database()
       union all
       select 0, 'prepared ' || gid, 'prepared', extract(epoch from clock_timestamp() - prepared)::float8
       from pg_prepared_xacts where database = current_database()) t
     order by seconds desc limit 1`,
  );
  const [oldest] = rows;
  if (!oldest || oldest.seconds < openTransactionSeconds) {
    const hidden = await hiddenSessions(client);
    if (hidden > 0) {
      return warning(
        'transactions',
        `${hidden} sessions of other roles cannot be seen: whether they have transactions open is not known.`,
        'grant pg_read_all_stats to the role that runs the doctor',
      );
    }
  }
  if (!oldest) return ok('transactions', 'No other transaction is open.');
  const of = oldest.pid === 0 ? oldest.name : `pid ${oldest.pid}, ${oldest.name}, ${oldest.state}`;
  const detail = `The oldest open transaction is ${duration(oldest.seconds)} old (${of}).`;
  if (oldest.seconds < openTransactionSeconds) return ok('transactions', detail);
  const end =
    oldest.pid === 0
      ? `rollback prepared '${oldest.name.slice(9)}'`
      : `select pg_terminate_backend(${oldest.pid})`;
  return warning(
    'transactions',
    detail,
    `Find out why it stays open; to end it: ${end}. idle_in_transaction_session_timeout keeps others from it.`,
  );
}
