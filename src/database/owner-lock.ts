/** One process at a time owns a data directory; the file that says so outlives its owner only as a stale one. */
import { randomUUID } from 'node:crypto';
import { chmod, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { OperatorError } from '../errors.js';
import { isAlive, startOf } from './process.js';

const ownerFile = z.object({ pid: z.number().int().positive(), start: z.string().optional() });
type Owner = z.infer<typeof ownerFile>;

export interface OwnerLock {
  /** Gives the directory free; a second call does nothing. */
  release(): Promise<void>;
}

/** @throws OperatorError naming the process that holds `dataDir` */
export async function acquireOwnerLock(dataDir: string): Promise<OwnerLock> {
  const path = join(dataDir, 'owner.json');
  const start = startOf(process.pid);
  const owner: Owner = { pid: process.pid, ...(start === undefined ? {} : { start }) };

  for (let attempt = 0; attempt < 20; attempt++) {
    if (await claim(path, owner)) return releasable(path);
    const holder = await readOwner(path);
    if (holder !== undefined && holds(holder)) throw heldBy(dataDir, holder.pid);
    await setAside(path);
  }
  throw new OperatorError(`Could not lock ${dataDir}: other processes keep taking and leaving ${path}`);
}

/** A link appears with its content or not at all, so nobody ever reads half a claim. */
async function claim(path: string, owner: Owner): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, JSON.stringify(owner));
    await chmod(draft, 0o644); // another user must see that it is held
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new OperatorError(
      `Could not write to ${dirname(path)} (${(error as Error).message}): make it writable, or set HASHI_DATA_DIR to another directory`,
      { cause: error },
    );
  } finally {
    await rm(draft, { force: true });
  }
}

/** Takes a stale claim away. Between reading and renaming somebody may have claimed anew: then it goes back. */
async function setAside(path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return; // somebody was faster
    throw error;
  }
  const taken = await readOwner(aside);
  if (taken !== undefined && holds(taken)) await claim(path, taken);
  await rm(aside, { force: true });
}

function releasable(path: string): OwnerLock {
  let held = true;
  return {
    async release() {
      if (!held) return;
      held = false;
      const owner = await readOwner(path);
      if (owner?.pid === process.pid) await rm(path, { force: true });
    },
  };
}

function holds(owner: Owner): boolean {
  if (!isAlive(owner.pid)) return false;
  const start = startOf(owner.pid);
  // A pid comes back after a reboot or in a new container; its start time does not.
  return owner.start === undefined || start === undefined || owner.start === start;
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return ownerFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined; // gone meanwhile, or not a claim of ours
  }
}

function heldBy(dataDir: string, pid: number): OperatorError {
  const who = pid === process.pid ? `this process (pid ${pid})` : `process ${pid}`;
  return new OperatorError(
    `The data directory ${dataDir} is in use by ${who}: stop it first, or set HASHI_DATA_DIR to another directory`,
  );
}
