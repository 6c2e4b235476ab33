/** A listener's connection must be one session: how it is found out that a pooler makes it another one's. */
import pg from 'pg';
import { OperatorError } from '../errors.js';
import type { SessionOptions } from './session.js';

/** LISTEN did not take: a pooler hands every statement to another backend. */
export class PoolerError extends OperatorError {
  constructor() {
    super(
      'LISTEN has no effect on this connection: it goes through a pooler in transaction mode. ' +
        'Point DATABASE_URL, or the option `connection` of an adapter, at Postgres itself or at a pooler in session mode.',
    );
  }
}

/**
 * A pooler makes up the process id that it greets with. One in transaction mode gives the backend of a connection that is
 * idle to the next one: LISTEN would seem to work, as long as nobody else came.
 * @throws PoolerError
 */
export async function refusePooler(client: pg.Client, { url, timeoutMs }: SessionOptions): Promise<void> {
  const backendOf = async (one: pg.Client) =>
    (await one.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
  const own = await backendOf(client);
  if (own === (client as unknown as { processID: number }).processID) return;
  const other = new pg.Client({
    ...(typeof url === 'string' ? { connectionString: url } : url),
    application_name: 'hashi-socket listener',
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  other.on('error', (_lost) => undefined); // its query fails
  try {
    await other.connect();
    await other.query('begin');
    if ((await backendOf(other)) === own || (await backendOf(client)) !== own) throw new PoolerError();
  } finally {
    destroy(other);
  }
}

/** Ends a connection that may not answer any more; nothing is waited for. */
export function destroy(client: pg.Client): void {
  client.removeAllListeners('notification');
  client.removeAllListeners('end');
  // With a query in flight this destroys the socket, else it says goodbye; either way its errors are of no interest.
  client.end().catch((_ended: unknown) => undefined);
}
