/** Keeps lost connections of the application's pool from ending the process. */
import type { Pool } from 'pg';

const guarded = new WeakSet<Pool>();

/** A connection that dies in somebody's hands would end the process, unless somebody listens. */
export function surviveLostClients(pool: Pool): void {
  if (guarded.has(pool)) return;
  guarded.add(pool);
  const ignore = (_error: Error) => {
    // Whoever runs a query hears of it there.
  };
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
}
