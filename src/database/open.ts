/** The database a server runs on: the one of DATABASE_URL, or an embedded one; reachable and up to date. */
import type { Catalog } from '../catalog/index.js';
import type { Config } from '../config.js';
import { OperatorError } from '../errors.js';
import { connectClient, describeDatabaseError, type DatabaseLogger } from './client.js';
import { startEmbedded } from './embedded.js';
import { migrate, requireUpToDate } from './migrate.js';

export interface OpenDatabase {
  readonly url: string;
  readonly embedded: boolean;
  /** Stops an embedded database; last of all. */
  stop(): Promise<void>;
}

/** @throws OperatorError with what to do */
export async function openDatabase(
  config: Config,
  catalog: Catalog,
  logger: DatabaseLogger,
): Promise<OpenDatabase> {
  const embedded =
    config.databaseUrl === undefined ? await startEmbedded({ dataDir: config.dataDir, logger }) : undefined;
  const url = embedded?.url ?? config.databaseUrl ?? '';
  try {
    await prepare(url, config, catalog, logger);
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
  return { url, embedded: embedded !== undefined, stop: async () => embedded?.stop() };
}

async function prepare(url: string, config: Config, catalog: Catalog, logger: DatabaseLogger): Promise<void> {
  let client;
  try {
    client = await connectClient({ url, applicationName: 'hashi-socket migrate', logger, pinned: true });
  } catch (error) {
    throw new OperatorError(describeDatabaseError(error, url), { cause: error });
  }
  try {
    if (config.migrateOnStart) {
      const steps = await migrate(client, { catalog });
      if (steps > 0) logger.info({ steps }, 'brought the database up to date');
    } else {
      await requireUpToDate(client, catalog);
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(describeDatabaseError(error, url), { cause: error });
  } finally {
    await client.end();
  }
}
