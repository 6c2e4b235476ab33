/** What can be known about a process that is not our child: whether it lives, when it began, what it is. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether `pid` runs. A zombie counts as gone: in a container nobody may ever collect it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const state = linuxStat(pid)?.[0];
  return state !== 'Z' && state !== 'X';
}

/**
 * When `pid` began, as an opaque string that no later process with that pid can have; undefined where the
 * system does not say (only Linux does cheaply).
 */
export function startOf(pid: number): string | undefined {
  const startTicks = linuxStat(pid)?.[19];
  if (startTicks === undefined) return undefined;
  return `${readOrUndefined('/proc/sys/kernel/random/boot_id')?.trim() ?? 'boot'}/${startTicks}`;
}

/** The command line of `pid`, or undefined when the system does not tell (Windows, another user's process). */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return readOrUndefined(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ');
  if (process.platform === 'win32') return undefined;
  return run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}

/** Waits until `pid` is gone; false when it is still there after `boundMs`. */
export async function goneWithin(pid: number, boundMs: number): Promise<boolean> {
  const deadline = Date.now() + boundMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

/** The fields of /proc/PID/stat from `state` on: the name before them may hold spaces and brackets. */
function linuxStat(pid: number): string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const stat = readOrUndefined(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // the process is gone, or is not ours to look at
  }
}
