/** Gets a cluster served: by the Postgres that a killed owner left running, or by one started on a free port. */
import { randomInt } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { OperatorError } from '../errors.js';
import type { Binaries } from './binaries.js';
import { connectClient } from './client.js';
import { clusterIn, superuser } from './cluster.js';
import { writeSettings } from './cluster-settings.js';
import {
  end,
  launch,
  readPostmasterFile,
  servesCluster,
  watch,
  type Exit,
  type Postmaster,
} from './postmaster.js';
import { isAlive } from './process.js';
import type { RunAs } from './unprivileged.js';

export interface Cluster {
  readonly dataDir: string;
  /** Holds `postgres/`, the cluster itself, and its settings. */
  readonly place: string;
  readonly password: string;
  readonly settings: Record<string, string>;
  /** Those of the last start: a Postgres that is still running has them. */
  readonly recordedSettings: Record<string, string> | undefined;
  readonly binaries: Binaries;
  readonly runAs: RunAs | undefined;
}

export interface Serving {
  readonly postmaster: Postmaster;
  readonly port: number;
  readonly adopted: boolean;
}

const adoptionBoundMs = 30_000;
/** A machine that lost its power may leave minutes of log to recover from. */
const readyBoundMs = 120_000;
const portAttempts = 20;

/**
 * @param wantedPort taken, or nothing is
 * @param lastPort tried first when none is wanted
 * @throws OperatorError with the last lines of Postgres' log when it does not come up
 */
export async function serve(
  cluster: Cluster,
  wantedPort: number | undefined,
  lastPort: number | undefined,
): Promise<Serving> {
  return (await adopt(cluster, wantedPort)) ?? (await startFresh(cluster, wantedPort, lastPort));
}

export function urlOf(cluster: Cluster, port: number, database: string): string {
  return `postgres://${superuser}:${cluster.password}@127.0.0.1:${port}/${database}`;
}

export async function connectAsSuperuser(cluster: Cluster, port: number): Promise<pg.Client> {
  const url = urlOf(cluster, port, 'postgres');
  return connectClient({ url, applicationName: 'hashi-socket start', connectTimeoutMs: 2_000 });
}

/** @returns undefined when nothing of this cluster runs (any more), or it runs with other settings */
async function adopt(cluster: Cluster, wantedPort: number | undefined): Promise<Serving | undefined> {
  const directory = clusterIn(cluster.place);
  const left = await readPostmasterFile(directory);
  if (left === undefined) return undefined;
  const deadline = Date.now() + adoptionBoundMs;
  // Until it answers: it may still be starting, or on its way out.
  while (await servesCluster(left.pid, directory)) {
    if (await answers(cluster, left.port)) {
      const sameSettings = JSON.stringify(cluster.recordedSettings) === JSON.stringify(cluster.settings);
      if (sameSettings && (wantedPort === undefined || wantedPort === left.port)) {
        return { postmaster: watch(left.pid), port: left.port, adopted: true };
      }
      await end(left.pid, cluster.binaries);
    } else if (Date.now() > deadline) {
      throw new OperatorError(
        `Postgres (pid ${left.pid}) holds ${directory} and does not answer on port ${left.port}: end it and start again`,
      );
    } else await sleep(50);
  }
  // Postgres would take whatever has this number now for its own predecessor, and refuse.
  if ((await readPostmasterFile(directory))?.pid === left.pid) {
    await rm(join(directory, 'postmaster.pid'), { force: true });
  }
  return undefined;
}

/** Whether this very cluster takes connections on `port`: a stranger there knows neither password nor directory. */
async function answers(cluster: Cluster, port: number): Promise<boolean> {
  let client: pg.Client;
  try {
    client = await connectAsSuperuser(cluster, port);
  } catch {
    return false; // not yet, or not ours: the caller asks again
  }
  try {
    const { rows } = await client.query<{ data_directory: string }>('show data_directory');
    return rows[0]?.data_directory === clusterIn(cluster.place);
  } finally {
    await client.end();
  }
}

async function startFresh(
  cluster: Cluster,
  wanted: number | undefined,
  last: number | undefined,
): Promise<Serving> {
  const logFile = join(cluster.dataDir, 'postgres.log');
  await rename(logFile, `${logFile}.1`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  for (let attempt = 0; attempt < portAttempts; attempt++) {
    const port = wanted ?? (attempt === 0 && last !== undefined ? last : randomInt(20_000, 32_000));
    if (await isFree(port)) {
      const postmaster = await launchOn(cluster, port, logFile);
      const exit = await readyOrExit(cluster, postmaster, port);
      if (exit === undefined) return { postmaster, port, adopted: false };
      const log = await readFile(logFile, 'utf8').catch(() => '');
      // A process killed a moment ago still holds its memory: its sessions are about to notice.
      if (/still in use/.test(log.slice(-1_000))) await sleep(250);
      else if (!/could not bind|could not create any TCP/.test(log)) throw notStarted(exit, log, logFile);
    }
    if (wanted !== undefined && attempt > 0) break;
  }
  throw new OperatorError(
    wanted === undefined
      ? `No free port for the embedded Postgres after ${portAttempts} attempts from 20000 to 32000`
      : `Port ${wanted} is taken: name another for the embedded Postgres, or none to have one chosen`,
  );
}

async function launchOn(cluster: Cluster, port: number, logFile: string): Promise<Postmaster> {
  const directory = clusterIn(cluster.place);
  const settings = { ...cluster.settings, port: String(port) };
  const settingsFile = await writeSettings(cluster.place, directory, settings);
  return launch({
    binaries: cluster.binaries,
    runAs: cluster.runAs,
    cluster: directory,
    settingsFile,
    logFile,
  });
}

/** @returns how it ended, when it did before it was ready */
async function readyOrExit(
  cluster: Cluster,
  postmaster: Postmaster,
  port: number,
): Promise<Exit | undefined> {
  let exit: Exit | undefined;
  void postmaster.exited.then((how) => (exit = how));
  const deadline = Date.now() + readyBoundMs;
  while (exit === undefined) {
    const file = await readPostmasterFile(clusterIn(cluster.place));
    const ready = file?.pid === postmaster.pid && file.ready;
    if (ready && (await answers(cluster, port))) return undefined;
    if (ready || Date.now() > deadline) {
      await end(postmaster.pid, cluster.binaries);
      throw new OperatorError(
        ready
          ? `The embedded Postgres refuses the password in ${join(cluster.dataDir, 'postgres.json')}: it has been changed in the database`
          : `The embedded Postgres is not ready after ${readyBoundMs / 1000} s: see ${join(cluster.dataDir, 'postgres.log')}`,
      );
    }
    if (!isAlive(postmaster.pid)) await postmaster.exited;
    await sleep(20);
  }
  return exit;
}

/** 127.0.0.1 alone is asked for: a listener on all addresses is in the way as well. */
async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise((resolve) => probe.close(resolve));
  return free;
}

function notStarted(exit: Exit, log: string, logFile: string): OperatorError {
  const ending = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
  const lines = log.trim().split('\n').slice(-3).join(' ');
  return new OperatorError(
    `The embedded Postgres did not start (${ending}): ${lines} (${logFile}). Mend that, or set DATABASE_URL to a Postgres of yours`,
  );
}
