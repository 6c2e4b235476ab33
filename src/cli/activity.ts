/** What a session of the database is at, as another one sees it. */
import type pg from 'pg';
import { connectClient } from '../database/client.js';

export interface Activity {
  /** Resolves with null where there is nothing to tell, or no right to know it. */
  describe(): Promise<string | null>;
  end(): Promise<void>;
}

/** Of the session of `client`. Connects when it is asked for the first time: most work is done by then. */
export async function activityOf(client: pg.ClientBase, url: string): Promise<Activity> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const pid = rows[0]?.pid;
  let watcher: Promise<pg.Client> | undefined;
  return {
    async describe() {
      watcher ??= connectClient({ url, applicationName: 'hashi-socket cli' });
      return describeSession(await watcher, pid);
    },
    async end() {
      // One that did not connect has been told by whoever described, and has nothing to end.
      await (await watcher?.catch(() => undefined))?.end();
    },
  };
}

async function describeSession(watcher: pg.Client, pid: number | undefined): Promise<string | null> {
  const { rows } = await watcher.query<{
    phase: string | null;
    percent: number | null;
    blockers: number[];
  }>(
    `select p.phase, pg_blocking_pids(a.pid) as blockers,
       floor(100.0 * case when p.tuples_total > 0 then p.tuples_done::numeric / p.tuples_total
         when p.blocks_total > 0 then p.blocks_done::numeric / p.blocks_total end)::int as percent
     from pg_stat_activity a left join pg_stat_progress_create_index p using (pid) where a.pid = $1`,
    [pid],
  );
  const [session] = rows;
  if (!session) return null;
  const { phase, percent, blockers } = session;
  if (blockers.length > 0) return `waiting for a lock of session ${blockers.join(', ')}`;
  return phase === null ? null : [phase, ...(percent === null ? [] : [`${percent} %`])].join(' ');
}
