/** How the embedded Postgres is configured, and the file that tells it so. */
import { join, sep } from 'node:path';
import { OperatorError } from '../errors.js';
import { replaceFile } from './replace-file.js';

const durable = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  wal_level: 'replica',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  // Statements and rows may hold presigned URLs: the log names errors, never what was in them.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};
/** Loses data when the machine goes down, not when a process does: commits still behave as they do elsewhere. */
const test = { ...durable, fsync: 'off', full_page_writes: 'off', max_prepared_transactions: '10' };

export type Tuning = 'durable' | 'test';

export function settingsOf(tuning: Tuning, overrides: Record<string, string>): Record<string, string> {
  for (const [name, value] of Object.entries(overrides)) {
    if (!/^[a-z_][a-z0-9_.]*$/i.test(name) || /[\r\n\0]/.test(value)) {
      throw new OperatorError(`${JSON.stringify(name)} with that value is no setting of Postgres`);
    }
  }
  return { ...(tuning === 'test' ? test : durable), ...overrides };
}

/**
 * Writes the settings beside the cluster, not into it: what belongs to Postgres' user is never written by root.
 * ALTER SYSTEM wins over them. @returns the file's path
 */
export async function writeSettings(
  place: string,
  cluster: string,
  settings: Record<string, string>,
): Promise<string> {
  const quote = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  const path = join(place, 'postgresql.conf');
  const lines = [
    '# Written anew at every start. To change something for good: alter system set … .',
    `include ${quote(join(cluster, 'postgresql.conf').replaceAll(sep, '/'))}`,
    ...Object.entries(settings).map(([name, value]) => `${name} = ${quote(value)}`),
  ];
  await replaceFile(path, lines.join('\n') + '\n', 0o644);
  return path;
}
