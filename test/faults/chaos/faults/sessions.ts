/** Sessions of the database, seen by somebody who may end them. */
import type pg from 'pg';
import { connectClient } from '../../../../src/database/client.js';
import type { Arena } from '../arena.js';

/** Ends those whose application's name is like this. */
export async function terminate(pool: Pick<pg.Pool, 'query'>, pattern: string): Promise<void> {
  await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name like $1 and datname = current_database() and pid <> pg_backend_pid()`,
    [pattern],
  );
}

/** A session of a fault's own; an error of its connection fails its next query. */
export async function connectAs({ database }: Arena, applicationName: string): Promise<pg.Client> {
  const client = await connectClient({ url: database.url(), applicationName });
  client.on('error', () => undefined);
  return client;
}
