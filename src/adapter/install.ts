/** Creates what the adapter needs in a database: the log, its functions, and a table for sessions. */
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { pinSearchPath } from '../database/client.js';
import { migrate } from '../database/migrate.js';

const folder = new URL('sql/', import.meta.url);

/** By name, what it needs besides the log. */
export async function adapterTexts(): Promise<ReadonlyMap<string, string>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  const texts = new Map<string, string>();
  for (const file of files) texts.set(`adapter/${file}`, await readFile(new URL(file, folder), 'utf8'));
  return texts;
}

/** Under a lock, in one transaction, and only if something is missing. Throws `OperatorError` with what to do. */
export async function install(connection: pg.ClientConfig, onError: (error: Error) => void): Promise<void> {
  const client = new pg.Client({
    ...connection,
    application_name: 'hashi-socket adapter install',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', onError);
  try {
    await client.connect();
    await client.query(pinSearchPath);
    await migrate(client, { catalog: { families: [], rights: [] }, logWith: await adapterTexts() });
  } finally {
    await client.end().catch(onError);
  }
}
