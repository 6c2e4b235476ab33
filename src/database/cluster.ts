/** The embedded cluster on disk: where it lies, what is remembered about it, how it is made and configured. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { z } from 'zod';
import { OperatorError } from '../errors.js';
import type { Binaries } from './binaries.js';
import { ifThere } from './if-there.js';
import { replaceFile } from './replace-file.js';
import { canReach, giveTo, spawnIds, type RunAs } from './unprivileged.js';

export const superuser = 'hashi';
const placePrefix = 'hashi-socket-';
/** Says, in a place outside the data directory, whose it is. */
const servedFile = 'data-directory';

const recordFile = z.object({
  /** The directory that holds `postgres/`, unless it is the data directory itself: that one may be moved. */
  place: z.string().optional(),
  port: z.number().int().optional(),
  password: z.string().min(1),
  settings: z.record(z.string(), z.string()).optional(),
});
/** What the data directory remembers of its cluster from one start to the next. Readable by its owner alone. */
export type ClusterRecord = z.infer<typeof recordFile> & { readonly place: string };

export const clusterIn = (place: string): string => join(place, 'postgres');
const recordIn = (dataDir: string): string => join(dataDir, 'postgres.json');

/** Makes the data directory if need be. @returns its real path */
export async function openDataDir(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    return await realpath(dataDir);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new OperatorError(`The data directory cannot be made (${reason}): set HASHI_DATA_DIR to another`, {
      cause,
    });
  }
}

/** @throws OperatorError when the record is there and cannot be read */
export async function readRecord(dataDir: string): Promise<ClusterRecord | undefined> {
  const path = recordIn(dataDir);
  try {
    const record = recordFile.parse(JSON.parse(await readFile(path, 'utf8')));
    return { ...record, place: record.place ?? (await realpath(dataDir)) };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new OperatorError(`${path} cannot be read: mend it, or remove ${dataDir} to start anew`, {
        cause,
      });
    }
  }
  if (await exists(clusterIn(dataDir))) {
    throw new OperatorError(
      `${clusterIn(dataDir)} is there, but its password in ${path} is not: restore that file, or remove ${dataDir} to start anew`,
    );
  }
  return undefined;
}

/** @param dataDir its real path */
export async function writeRecord(dataDir: string, record: ClusterRecord): Promise<void> {
  const stored = { ...record, place: record.place === dataDir ? undefined : record.place };
  await replaceFile(recordIn(dataDir), JSON.stringify(stored, null, 2) + '\n', 0o600);
}

/**
 * Chooses where a new cluster goes: into the data directory, unless Postgres has to run as somebody who cannot
 * get there (below /root, say): then beside the system's own state, or in the directory for temporary files
 * when that is where the data directory is too.
 */
export async function choosePlace(dataDir: string, runAs: RunAs | undefined): Promise<string> {
  if (runAs === undefined) return dataDir;
  // Lets Postgres pass through the data directory, not list it; what lies in it is closed by its own mode.
  await chmod(dataDir, (await stat(dataDir)).mode | 0o011);
  if (await canReach(runAs, dataDir)) return dataDir;

  const name = `${placePrefix}${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`;
  const temporary = await realpath(tmpdir()).catch(() => '/tmp');
  const bases = dataDir.startsWith(temporary + sep) ? [temporary, '/tmp'] : ['/var/lib', temporary, '/tmp'];
  await sweep(temporary);
  let cause: unknown;
  for (const base of bases) {
    if (!(await canReach(runAs, base).catch(() => false))) continue;
    try {
      return await makePlace(join(base, name), dataDir);
    } catch (error) {
      // A full or read-only disk: the next base may be on another.
      cause = error;
    }
  }
  throw new OperatorError(
    `User ${runAs.uid}, as whom Postgres runs under root, can reach none of ${[dataDir, ...bases].join(', ')}: ` +
      'set HASHI_DATA_DIR to a directory that everyone may enter, or DATABASE_URL to a Postgres of yours',
    { cause },
  );
}

/** What lies there was left by a data directory that has been removed since; what is not ours stays untouched. */
async function makePlace(path: string, dataDir: string): Promise<string> {
  const found = await ifThere(lstat(path));
  if (found?.isDirectory() && found.uid === process.getuid?.())
    await rm(path, { recursive: true, maxRetries: 5 });
  const place = (await exists(path)) ? await mkdtemp(`${path}-`) : path;
  await mkdir(place, { recursive: true });
  await chmod(place, 0o711);
  await writeFile(join(place, servedFile), dataDir);
  return place;
}

/** Removes temporary places whose data directory is gone; a Postgres that still serves one ends with it. */
async function sweep(temporary: string): Promise<void> {
  for (const name of await readdir(temporary)) {
    if (!name.startsWith(placePrefix)) continue;
    const path = join(temporary, name);
    const found = await ifThere(lstat(path));
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue;
    const dataDir = await ifThere(readFile(join(path, servedFile), 'utf8'));
    if (dataDir === undefined) continue;
    // One that cannot be asked for may be there.
    const there = await exists(dataDir).catch((_unknown: unknown) => true);
    if (!there) await rm(path, { recursive: true, maxRetries: 5 });
  }
}

export const newPassword = (): string => randomBytes(24).toString('base64url');

/** Makes the cluster of `place`, or nothing. What an earlier attempt left half made goes. */
export async function createCluster(
  place: string,
  binaries: Binaries,
  runAs: RunAs | undefined,
  password: string,
): Promise<void> {
  for (const name of await readdir(place)) {
    if (name.startsWith('postgres.new-')) await rm(join(place, name), { recursive: true, force: true });
  }
  const draft = await mkdtemp(join(place, 'postgres.new-'));
  const directory = join(draft, 'cluster');
  const passwordFile = join(draft, 'password');
  await mkdir(directory, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  for (const path of [passwordFile, directory, draft]) await giveTo(runAs, path);

  await runInitdb(binaries, runAs, [
    `--pgdata=${directory}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-sync',
    '--no-instructions',
  ]);
  await rename(directory, clusterIn(place));
  await rm(draft, { recursive: true, force: true });
}

/** In a session of its own: a Ctrl-C is for us, and must not leave half a cluster. */
async function runInitdb(binaries: Binaries, runAs: RunAs | undefined, args: string[]): Promise<void> {
  const child = spawn(binaries.initdb, args, {
    ...spawnIds(runAs),
    cwd: '/',
    env: binaries.env,
    detached: true,
    windowsHide: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).catch((cause: Error) => {
    throw new OperatorError(`initdb could not be run: ${cause.message}`, { cause });
  });
  if (code === 0) return;
  const reason = output.trim().split('\n').slice(-4).join(' ');
  throw new OperatorError(
    `The embedded database could not be made: ${reason}. Mend that, or set DATABASE_URL to a Postgres of yours`,
  );
}

/** @throws OperatorError when the cluster was made by another major version than the binaries' */
export async function checkVersion(place: string, binaries: Binaries): Promise<void> {
  const version = (await readFile(join(clusterIn(place), 'PG_VERSION'), 'utf8')).trim();
  if (version === binaries.majorVersion) return;
  throw new OperatorError(
    `The database in ${clusterIn(place)} was made by Postgres ${version}, this is ${binaries.majorVersion}: ` +
      'dump it with the old version and load it into a new data directory, or set DATABASE_URL',
  );
}

export async function exists(path: string): Promise<boolean> {
  return (await ifThere(lstat(path))) !== undefined;
}
