/** The database a command works on: that of DATABASE_URL, or the embedded one that is running. */
import type pg from 'pg';
import type { Config } from '../config.js';
import { connectClient, describeDatabaseError } from '../database/client.js';
import { OperatorError } from '../errors.js';
import { runningEmbeddedUrl } from './embedded-url.js';

/** @throws OperatorError when DATABASE_URL is not set and no embedded database runs */
export async function databaseUrlOf(config: Config): Promise<string> {
  const url = config.databaseUrl ?? (await runningEmbeddedUrl(config.dataDir));
  if (url !== undefined) return url;
  throw new OperatorError(
    `DATABASE_URL is not set and no embedded database runs in ${config.dataDir}: start one with "hashi-socket serve" ` +
      `in another terminal, set HASHI_DATA_DIR to where one runs, or set DATABASE_URL.`,
  );
}

/**
 * Connects, calls, and closes again whatever happens.
 * @throws OperatorError for whatever the database fails with, in words
 */
export async function withDatabase<T>(config: Config, use: (client: pg.Client, url: string) => Promise<T>) {
  const url = await databaseUrlOf(config);
  try {
    const client = await connectClient({ url, applicationName: 'hashi-socket cli', pinned: true });
    try {
      return await use(client, url);
    } finally {
      await client.end();
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    if (codeOf(error) === '3F000' || codeOf(error) === '42P01' || codeOf(error) === '42883') {
      throw new OperatorError(
        'The database has not been set up, or not by this version: run "hashi-socket migrate".',
        { cause: error },
      );
    }
    throw new OperatorError(describeDatabaseError(error, url), { cause: error });
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';
