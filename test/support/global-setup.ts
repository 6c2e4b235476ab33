/** One embedded Postgres for the whole run, or the server that TEST_DATABASE_URL names. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../../src/database/embedded.js';
import { isAlive } from '../../src/database/process.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A superuser's URL, of no database that a test may write to: see `createDatabase`. */
    databaseUrl: string;
  }
}

const prefix = 'hashi-test-run-';

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    project.provide('databaseUrl', given);
    return undefined;
  }
  await removeAbandonedRuns();
  const dataDir = await mkdtemp(join(tmpdir(), prefix));
  try {
    const postgres = await startEmbedded({ dataDir, tuning: 'test' });
    project.provide('databaseUrl', postgres.url);
    return async () => {
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** A run that was killed leaves its cluster; Postgres ends by itself once its directory is gone. */
async function removeAbandonedRuns(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const path = join(tmpdir(), name);
    const owner = await readFile(join(path, 'owner.json'), 'utf8').catch(() => undefined);
    if (owner === undefined) continue; // starting just now, or another user's
    const { pid } = JSON.parse(owner) as { pid: number };
    if (!isAlive(pid)) await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}
