/** A database of its own for a test file, dropped when the file is done. */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { inject } from 'vitest';
import { connectClient, createPool } from '../../src/database/client.js';

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Four connections at most, opened by the first query. */
  readonly pool: pg.Pool;
  /** @returns the rows */
  query(sql: string, params?: unknown[]): Promise<any[]>;
  /** Cuts every connection to the database, whoever holds it. A second call does nothing. */
  drop(): Promise<void>;
}

/** How long a busy machine may take to let a test's connection in, or its query have one of the pool's, in milliseconds. */
export const connectTimeoutMs = 20_000;

/** Empty: no table, no schema but `public`; or a copy of another one, whose connections are cut for it. */
export async function createDatabase(original?: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  if (original !== undefined) {
    await asAdmin(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${original}'`);
  }
  // template0: nobody can be connected to it, so any number of files may copy it at once.
  await asAdmin(`create database ${name} template ${original ?? 'template0'}`);
  const url = new URL(inject('databaseUrl'));
  url.pathname = `/${name}`;
  const pool = createPool({ url: url.href, applicationName: 'test', max: 4, connectTimeoutMs });
  let dropped: Promise<void> | undefined;
  const drop = async () => {
    await pool.end();
    await asAdmin(`drop database if exists ${name} with (force)`);
  };
  return {
    url: url.href,
    name,
    pool,
    query: async (sql, params) => (await pool.query(sql, params)).rows,
    drop: () => (dropped ??= drop()),
  };
}

async function asAdmin(sql: string): Promise<void> {
  const url = inject('databaseUrl');
  const client = await connectClient({ url, applicationName: 'test admin', connectTimeoutMs });
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
