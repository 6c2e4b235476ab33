/** A real Postgres of our own, for whoever has none: made, started or found again in the data directory. */
import { findBinaries } from './binaries.js';
import type { DatabaseLogger } from './client.js';
import { settingsOf, type Tuning } from './cluster-settings.js';
import {
  checkVersion,
  choosePlace,
  clusterIn,
  createCluster,
  exists,
  newPassword,
  openDataDir,
  readRecord,
  writeRecord,
  type ClusterRecord,
} from './cluster.js';
import { acquireOwnerLock } from './owner-lock.js';
import { end, ExitNotice, servesCluster, type Exit } from './postmaster.js';
import { connectAsSuperuser, serve, urlOf, type Cluster } from './serving.js';
import { whoRunsPostgres } from './unprivileged.js';

export interface EmbeddedOptions {
  /** Holds the cluster, its password and its log, `.hashi` say. Made when it is not there. */
  readonly dataDir: string;
  readonly logger?: DatabaseLogger;
  /** The last one used when it is free, else a free one from 20000 to 32000, when not given. */
  readonly port?: number;
  /** Settings of Postgres, over those of the tuning. */
  readonly settings?: Record<string, string>;
  /** `durable` unless given; `test` trades what a power failure would lose for speed. */
  readonly tuning?: Tuning;
  /** Added to the environment of Postgres itself: a preloaded library, say. */
  readonly env?: Record<string, string>;
}

export interface EmbeddedPostgres {
  /** A superuser's URL of the database `hashi`. It holds the password: redact it before it is shown. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** It was running already: an owner that was killed had left it. */
  readonly adopted: boolean;
  /** Calls back when Postgres ends without having been told to. */
  onExit(callback: (exit: Exit) => void): void;
  /** Ends Postgres, by force when it must, and gives the data directory free. A second call awaits the first. */
  stop(): Promise<void>;
}

const databaseName = 'hashi';
const silent: DatabaseLogger = { info() {}, warn() {}, error() {} };

/**
 * Starts, or adopts, the Postgres of a data directory; as root it runs as an unprivileged user.
 * A start that fails leaves no process and no lock behind.
 * @throws OperatorError that says what to do: no binaries for this platform, directory in use, port taken
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const dataDir = await openDataDir(options.dataDir);
  const lock = await acquireOwnerLock(dataDir);
  try {
    return await start(dataDir, options, () => lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function start(
  dataDir: string,
  options: EmbeddedOptions,
  release: () => Promise<void>,
): Promise<EmbeddedPostgres> {
  const logger = options.logger ?? silent;
  const { cluster, record } = await prepare(dataDir, options, logger);
  const { postmaster, port, adopted } = await serve(cluster, options.port, record.port);
  try {
    await createDatabase(cluster, port);
    await writeRecord(dataDir, { ...record, port, settings: cluster.settings });
  } catch (error) {
    await end(postmaster.pid, cluster.binaries);
    throw error;
  }

  const notice = new ExitNotice(postmaster);
  const stop = async () => {
    notice.expect();
    // When it has ended by itself, its pid may be somebody else's by now.
    if (await servesCluster(postmaster.pid, clusterIn(cluster.place)))
      await end(postmaster.pid, cluster.binaries);
    await release();
    logger.info({ pid: postmaster.pid }, 'Embedded Postgres stopped');
  };
  let stopped: Promise<void> | undefined;
  logger.info({ pid: postmaster.pid, port, adopted }, 'Embedded Postgres is ready');
  return {
    url: urlOf(cluster, port, databaseName),
    port,
    pid: postmaster.pid,
    adopted,
    onExit: (callback) => notice.onExit(callback),
    stop: () => (stopped ??= stop()),
  };
}

/** Finds the cluster and its binaries; makes the cluster when there is none. */
async function prepare(
  dataDir: string,
  options: EmbeddedOptions,
  logger: DatabaseLogger,
): Promise<{ cluster: Cluster; record: ClusterRecord }> {
  const settings = settingsOf(options.tuning ?? 'durable', options.settings ?? {});
  const found = await readRecord(dataDir);
  const foundPlace = found?.place ?? dataDir;
  const known = (await exists(clusterIn(foundPlace))) ? found : undefined;
  if (found !== undefined && known === undefined) {
    logger.warn({ directory: clusterIn(foundPlace) }, 'The embedded database is not there: making a new one');
  }

  const runAs = await whoRunsPostgres(clusterIn(foundPlace));
  const place = known === undefined ? await choosePlace(dataDir, runAs) : foundPlace;
  if (place !== dataDir) {
    const reason = `User ${runAs?.uid}, as whom Postgres runs under root, cannot enter the data directory`;
    const level = known === undefined ? 'warn' : 'info';
    logger[level]({ dataDir, place }, `${reason}: the database lies in ${place}`);
  }
  const binaries = await findBinaries(place, runAs);
  const record = known ?? { place, password: newPassword() };
  if (known === undefined) {
    // The password first: a cluster without it is lost, it without a cluster is merely written again.
    await writeRecord(dataDir, record);
    await createCluster(place, binaries, runAs, record.password);
  }
  await checkVersion(place, binaries);
  return {
    cluster: {
      dataDir,
      place,
      password: record.password,
      settings,
      recordedSettings: record.settings,
      binaries: { ...binaries, env: { ...binaries.env, ...options.env } },
      runAs,
    },
    record,
  };
}

async function createDatabase(cluster: Cluster, port: number): Promise<void> {
  const client = await connectAsSuperuser(cluster, port);
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [databaseName]);
    if (rowCount === 0) await client.query(`create database ${databaseName}`);
  } finally {
    await client.end();
  }
}
