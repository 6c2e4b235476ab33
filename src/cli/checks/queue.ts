/** Checks of `doctor` on Postgres's queue of notifications, which all databases of a cluster share. */
import type pg from 'pg';
import { duration, failed, ok, warning, type Result } from './check.js';

export async function checkQueue(client: pg.Client): Promise<Result> {
  const { rows } = await client.query<{ usage: number }>('select pg_notification_queue_usage() as usage');
  const usage = rows[0]?.usage ?? 0;
  const detail = `The notification queue is ${(usage * 100).toFixed(usage < 0.01 && usage > 0 ? 2 : 0)} % full.`;
  if (usage <= 0.1) return ok('queue', detail);
  const fix =
    'All databases of this Postgres share the queue. A session in any of them that listens and has a transaction open, or ' +
    `does not read, keeps it from shrinking. ${await suspects(client)} A full queue fails every commit that notifies.`;
  return usage > 0.5 ? failed('queue', detail, fix) : warning('queue', detail, fix);
}

interface Session {
  readonly pid: number;
  readonly name: string;
  readonly database: string;
  readonly state: string;
  readonly seconds: number;
}

/** Who listens only the sessions themselves know: those that could hold the queue back, the longest first. */
async function suspects(client: pg.Client): Promise<string> {
  const { rows } = await client.query<Session>(
    `select pid, coalesce(nullif(application_name, ''), usename, 'unknown') as name, datname as database,
       case when wait_event = 'ClientWrite' then 'does not read' else state end as state,
       extract(epoch from clock_timestamp() - coalesce(xact_start, state_change))::float8 as seconds
     from pg_stat_activity
     where backend_type = 'client backend' and pid <> pg_backend_pid()
       and (xact_start is not null or wait_event = 'ClientWrite')
     order by seconds desc limit 3`,
  );
  const [first] = rows;
  if (!first) {
    return (
      'This role sees none: look in pg_stat_activity, which has all databases, as a role with pg_read_all_stats. ' +
      "Postgres's own log names the session once the queue is half full."
    );
  }
  const said = rows.map(
    ({ pid, name, database, state, seconds }) =>
      `session ${pid} (${name}, database ${database}, ${state}, ${duration(seconds)})`,
  );
  return `To look at first: ${said.join('; ')}. To end one: select pg_terminate_backend(${first.pid}).`;
}
