/** The benchmark's Postgres, embedded and durable, and databases in it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded } from '../../src/database/embedded.js';
import { loadCore, pin } from './processes.js';

export interface Postgres {
  readonly url: string;
  readonly pid: number;
  /** Makes an empty database and gives its URL. */
  create(prefix: string): Promise<string>;
  drop(url: string): Promise<void>;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** `0-1`: may use every core; else it is on the load's. */
  readonly cores?: string;
  readonly env?: Record<string, string>;
  readonly settings?: Record<string, string>;
}

let made = 0;

export async function startPostgres({ cores, env, settings }: PostgresOptions = {}): Promise<Postgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hashi-bench-db-'));
  const postgres = await startEmbedded({ dataDir, ...(env && { env }), ...(settings && { settings }) });
  pin(postgres.pid, cores ?? loadCore);
  const asAdmin = (sql: string) => withClient(postgres.url, (client) => client.query(sql));
  return {
    url: postgres.url,
    pid: postgres.pid,
    async create(prefix) {
      const url = new URL(postgres.url);
      url.pathname = `/bench_${prefix}_${++made}`;
      await asAdmin(`create database ${url.pathname.slice(1)}`);
      return url.href;
    },
    async drop(url) {
      await asAdmin(`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`);
    },
    async stop() {
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** The caller ends it. A database that is stopped under it is no error of its own. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
