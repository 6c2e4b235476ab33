/** Postgres refuses to run as root: whom it runs as instead, and which paths that user can reach. */
import { readFileSync } from 'node:fs';
import { chown, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ifThere } from './if-there.js';

/** The user that Postgres' processes run as; undefined means as ourselves. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

const fallbackId = 65_534;

/**
 * Nobody's ids when we are root, undefined when we are an ordinary user. A cluster that is there already
 * belongs to whoever made it, and goes on as theirs.
 */
export async function whoRunsPostgres(cluster: string): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await ifThere(stat(cluster));
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return nobody();
}

function nobody(): RunAs {
  let passwd = '';
  try {
    passwd = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return { uid: fallbackId, gid: fallbackId }; // an image without users: the kernel needs no name
  }
  const entry = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(passwd);
  const [uid, gid] = [Number(entry?.[1]), Number(entry?.[2])];
  // `>>> 0`: macOS writes -2.
  return entry === null || uid === 0
    ? { uid: fallbackId, gid: fallbackId }
    : { uid: uid >>> 0, gid: gid >>> 0 };
}

/** What `spawn` takes: its ids are signed where `chown`'s are not. */
export function spawnIds(runAs: RunAs | undefined): { uid?: number; gid?: number } {
  return runAs === undefined ? {} : { uid: runAs.uid | 0, gid: runAs.gid | 0 };
}

/** Gives `path` to the user that Postgres runs as. */
export async function giveTo(runAs: RunAs | undefined, path: string): Promise<void> {
  if (runAs !== undefined) await chown(path, runAs.uid, runAs.gid);
}

/** Whether `runAs` may pass through `directory` and everything above it, by the mode bits. */
export async function canReach(runAs: RunAs, directory: string): Promise<boolean> {
  const { uid, gid, mode } = await stat(directory);
  const searchBit = uid === runAs.uid ? 0o100 : gid === runAs.gid ? 0o010 : 0o001;
  if ((mode & searchBit) === 0) return false;
  const parent = dirname(directory);
  return parent === directory || canReach(runAs, parent);
}
