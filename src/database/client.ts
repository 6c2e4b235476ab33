/** Connections to Postgres that never bring the process down: every client has an error handler from the start. */
import pg from 'pg';

/** The part of pino's logger that this folder uses: fields first, then the sentence. */
export interface DatabaseLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * What a connection of ours says first. Postgres prefers a function or an operator that fits its arguments exactly to a
 * built-in one that takes any type, wherever in the search path it stands, and up to Postgres 14 every role may make some
 * in `public`: they would run with our rights. So what has no schema is Postgres's own.
 */
export const pinSearchPath = 'set search_path = pg_catalog, pg_temp';

/**
 * What it says besides. Postgres waits for whoever does not take what it is sent, because it stands still or its machine is gone,
 * and keeps what it has meanwhile: the queue of notifications from shrinking, above all. Where its system can, as Linux, it gives
 * such a connection up after this many milliseconds.
 */
export const waitNoLonger = 'set tcp_user_timeout = 10000';

export interface ClientOptions {
  /** `postgres://…`; TLS as it says. */
  readonly url: string;
  /** What `pg_stat_activity` calls the connection. */
  readonly applicationName: string;
  readonly logger?: DatabaseLogger | undefined;
  /** From the first packet to the first prompt; 5000 unless given. */
  readonly connectTimeoutMs?: number;
  /** Whether names without a schema are Postgres's own, see `pinSearchPath`; as the role has it unless given. */
  readonly pinned?: boolean;
}

export interface PoolOptions extends ClientOptions {
  /** Connections at most. */
  readonly max: number;
  /**
   * A query that takes longer fails and its connection is given up; unbounded unless given. Without it a connection
   * whose bytes vanish keeps its query, and its place in the pool, for as long as TCP goes on trying.
   */
  readonly queryTimeoutMs?: number;
}

const keepAliveDelayMs = 10_000;

/** The pool waits for it. Not by a parameter of the connection: poolers refuse those that they do not know. */
const pinning = { onConnect: (client: pg.ClientBase) => client.query(`${pinSearchPath}; ${waitNoLonger}`) };

/** Opens nothing yet: the first query does. Rejections of queries are the caller's, lost connections are logged. */
export function createPool(options: PoolOptions): pg.Pool {
  const { max, queryTimeoutMs } = options;
  const pool = new pg.Pool({
    ...configOf(options),
    max,
    ...(queryTimeoutMs !== undefined && { query_timeout: queryTimeoutMs }),
    ...(options.pinned && pinning),
  });
  // A connection lost while it is checked out reports to its client alone, an idle one to both.
  pool.on('connect', (client) => logLoss(client, options));
  pool.on('error', (_error) => {
    // Without a listener the event would end the process; the client's own has logged it.
  });
  return pool;
}

/**
 * A connection of its own, for LISTEN or for DDL. The caller ends it, and hears of its loss by `end`.
 * @throws what `pg` says; `describeDatabaseError` puts it in words
 */
export async function connectClient(options: ClientOptions): Promise<pg.Client> {
  const client = new pg.Client(configOf(options));
  logLoss(client, options);
  try {
    await client.connect();
    if (options.pinned) await client.query(pinSearchPath);
    return client;
  } catch (error) {
    // The failed attempt may have left a socket; its own complaint says no more than the error we throw.
    await client.end().catch(() => undefined);
    throw error;
  }
}

function configOf({ url, applicationName, connectTimeoutMs = 5_000 }: ClientOptions): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveDelayMs,
  };
}

function logLoss(client: pg.ClientBase, { logger, applicationName }: ClientOptions): void {
  client.on('error', (error) => {
    logger?.warn({ err: error, connection: applicationName }, 'Lost a connection to the database');
  });
}

export { describeDatabaseError, redactUrl } from './explain.js';
