/** What the log's listeners are at, as their database sees it. */
import type { TestDatabase } from './database.js';

/** After an event they look again by themselves, less and less often: within this time all but the sweep have looked. */
const quietSql = `
  select coalesce(bool_and(clock_timestamp() - query_start > interval '600 ms'), false) as quiet
  from pg_stat_activity where datname = current_database() and application_name = 'hashi-socket listener'`;

/** Resolves once nothing looks at the log any more but the sweep, unless a bell rings. */
export async function untilOnlySweeping(database: Pick<TestDatabase, 'query'>): Promise<void> {
  while (!(await database.query(quietSql))[0].quiet) await new Promise((resolve) => setTimeout(resolve, 20));
}
