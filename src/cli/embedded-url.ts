/** Finds the embedded database that is running in a data directory, for `config`. */
import { realpath } from 'node:fs/promises';
import { clusterIn, readRecord, superuser } from '../database/cluster.js';
import { readPostmasterFile, servesCluster } from '../database/postmaster.js';

/**
 * Its URL with the password, or undefined when none runs.
 * @throws OperatorError when the record in the data directory cannot be read
 */
export async function runningEmbeddedUrl(dataDir: string): Promise<string | undefined> {
  const record = await readRecord(dataDir);
  if (record === undefined) return undefined;
  const cluster = clusterIn(record.place ?? (await realpath(dataDir)));
  const running = await readPostmasterFile(cluster);
  if (running?.ready !== true || !(await servesCluster(running.pid, cluster))) return undefined;
  return `postgres://${superuser}:${record.password}@127.0.0.1:${running.port}/hashi`;
}
