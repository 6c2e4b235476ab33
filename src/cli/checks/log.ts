/** Checks of the log: whether anybody numbers it, what could not be built, how far back it goes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { codeOf } from '../database.js';
import { duration, failed, ok, warning, type Result } from './check.js';

const scanMs = 10_000;
const lagSeconds = 5;
const lookAgainMs = 500;
const looks = 6;

interface Unnumbered {
  readonly count: number;
  readonly seconds: number;
}

/** Events that are committed and have no number yet; a few are normal while somebody numbers. */
async function unnumbered(client: pg.Client): Promise<Unnumbered> {
  const { rows } = await client.query<Unnumbered>(
    `with last as (select snapshot from realtime.ticks order by tick desc limit 1)
     select count(*)::int as count,
       coalesce(extract(epoch from clock_timestamp() - min(occurred_at)), 0)::float8 as seconds
     from (
       (select occurred_at from realtime.events
        where xid >= (select pg_snapshot_xmax(snapshot) from last) limit 100000)
       union all
       (select e.occurred_at from last, pg_snapshot_xip(last.snapshot) x join realtime.events e on e.xid = x)
     ) e`,
  );
  return rows[0] ?? { count: 0, seconds: 0 };
}

export async function checkLag(client: pg.Client): Promise<Result[]> {
  const { rows } = await client.query<{ instances: number }>(
    `select count(*)::int as instances from pg_stat_activity
     where datname = current_database() and application_name = 'hashi-socket listener'`,
  );
  const instances = rows[0]?.instances ?? 0;
  const servers =
    instances > 0
      ? ok('instances', `${instances} ${instances === 1 ? 'instance follows' : 'instances follow'} the log.`)
      : warning('instances', 'No instance follows the log.', 'Start one: hashi-socket serve.');
  let waiting = await unnumbered(client);
  for (let look = 1; look < looks && waiting.count > 0 && instances > 0; look++) {
    await sleep(lookAgainMs);
    waiting = await unnumbered(client);
  }
  if (waiting.count === 0) return [servers, ok('lag', 'Every committed event has its number.')];
  const detail = `${waiting.count} committed events have no number yet, the oldest is ${duration(waiting.seconds)} old.`;
  if (instances === 0)
    return [servers, warning('lag', detail, 'An instance numbers and sends them as soon as it runs.')];
  return [
    servers,
    waiting.seconds < lagSeconds
      ? ok('lag', detail)
      : failed(
          'lag',
          detail,
          "Look at the instances' logs and at /readyz; restart one that does not answer.",
        ),
  ];
}

interface Quarantined {
  readonly total: number;
  readonly recent: number;
  readonly at: Date;
  readonly failure: {
    readonly family?: string;
    readonly table?: string;
    readonly operation?: string;
    readonly sqlstate?: string;
    readonly message?: string;
    readonly key?: unknown;
  };
}

export async function checkQuarantine(client: pg.Client): Promise<Result[]> {
  const check = 'quarantine';
  await client.query(`set statement_timeout = ${scanMs}`);
  try {
    const { rows } = await client.query<Quarantined>(
      `select count(*) over ()::int as total,
         (count(*) filter (where occurred_at > clock_timestamp() - interval '1 hour') over ())::int as recent,
         occurred_at as at, failure
       from realtime.events e
       where failure is not null and not exists (select from realtime.settled s where s.event_id = e.id)
       order by occurred_at desc limit 5`,
    );
    const [newest] = rows;
    if (!newest) return [ok(check, 'Every event could be built.')];
    const shown = rows.map(
      ({ at, failure: { family, table, operation, sqlstate, message, key } }) =>
        `${at.toISOString()} ${family}: ${operation} of ${table} ${JSON.stringify(key)}: ${message} (${sqlstate})`,
    );
    const detail = [
      `${newest.total} ${newest.total === 1 ? 'event' : 'events'} could not be built, ${newest.recent} in the last hour.`,
      ...shown,
    ].join('\n         ');
    const advice = `${adviceOf(newest.failure.sqlstate ?? '')} Clients were told to read the state again. Then "hashi-socket quarantine replay --all" tells them what can be told still, and "quarantine drop" lays aside the rest.`;
    return [newest.recent > 0 ? failed(check, detail, advice) : warning(check, detail, advice)];
  } catch (error) {
    if (codeOf(error) !== '57014') throw error;
    return [
      warning(
        check,
        `The log is too long to look through in ${scanMs / 1_000} s.`,
        'Look at the metric hashi_quarantined_total instead.',
      ),
    ];
  } finally {
    await client.query('reset statement_timeout');
  }
}

/** By class of SQLSTATE, the ones that changes of tables bring. */
function adviceOf(sqlstate: string): string {
  switch (sqlstate) {
    case '42703':
    case '42P01':
    case '42704':
      return 'A service has renamed or removed what events are made of: add it back, or change the catalogue and run "hashi-socket migrate".';
    case '42501':
      return 'The owner of the functions in schema realtime may not read a table: grant it SELECT, or run "hashi-socket migrate --repair" as the owner of the tables.';
    case '42804':
    case '42883':
    case '22P02':
      return 'A column has another type than the catalogue says: change it back, or change the catalogue and run "hashi-socket migrate".';
    default:
      return 'Mend what the message says.';
  }
}

/** Changes that were told as one RESYNC_REQUIRED, not as events, in the last day. */
export async function checkRestores(client: pg.Client): Promise<Result> {
  const check = 'restores';
  await client.query(`set statement_timeout = ${scanMs}`);
  try {
    const { rows } = await client.query<{ count: number; at: Date | null }>(
      `select count(*)::int as count, max(occurred_at) as at from realtime.events
       where type in ('realtime.restored', 'realtime.resync') and occurred_at > clock_timestamp() - interval '1 day'`,
    );
    const { count = 0, at = null } = rows[0] ?? {};
    if (at === null) return ok(check, 'No dump has been loaded in the last day.');
    return warning(
      check,
      `A dump was loaded, or a resync asked for, ${count} times in the last day, last at ${at.toISOString()}: clients were told to read the state again.`,
      'Fine if that was you. Rows that were loaded with --disable-triggers are told by "hashi-socket resync" alone.',
    );
  } catch (error) {
    if (codeOf(error) !== '57014') throw error;
    return ok(check, `The log is too long to look for loaded dumps in ${scanMs / 1_000} s.`);
  } finally {
    await client.query('reset statement_timeout');
  }
}

export async function checkRetention(client: pg.Client): Promise<Result> {
  const { rows } = await client.query<{ floor: string; head: string; seconds: number | null }>(
    `select k.floor, (select t.seq from realtime.ticks t order by t.tick desc limit 1) as head,
       (select extract(epoch from clock_timestamp() - t.at) from realtime.ticks t where t.seq > k.floor order by t.tick limit 1)::float8 as seconds
     from realtime.kept() k`,
  );
  const { floor = '0', head = '0', seconds = null } = rows[0] ?? {};
  const first = Number(floor) + 1;
  if (Number(head) < first) return ok('retention', 'No event is kept.');
  const age = seconds === null ? '' : `, the oldest for ${duration(seconds)}`;
  return ok('retention', `${Number(head) - first + 1} events are kept (#${first} to #${head})${age}.`);
}
