/** Processes of the benchmark: pinned to a core, measured by what the kernel has counted for them. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** The system that is measured has this core for itself. */
export const serverCore = 0;
/** Everything else shares this one: load generators, Postgres, this process. */
export const loadCore = 1;

const ticksPerSecond = 100;

/** @throws when this machine cannot run the benchmark */
export function requireLinux(): void {
  if (process.platform !== 'linux' || spawnSync('taskset', ['--version']).error !== undefined) {
    throw new Error('the benchmark needs Linux with taskset (util-linux), for pinning and for /proc');
  }
  if (availableParallelism() < 2) throw new Error('the benchmark needs two cores: one is the server’s alone');
}

/** CPU seconds, user and system, of a process and all its threads. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Proportional set size, in KiB: what the process adds to the machine's memory. */
export function pssKib(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]);
}

/** Pins a process with all its threads and children to come; `core` may be a range, `0-1`. */
export function pin(pid: number, core: number | string): void {
  spawnSync('taskset', ['-a', '-cp', String(core), String(pid)], { stdio: 'ignore' });
}

/** A Node program, on the cores that are named; `args` are Node's. */
export function startNode(
  core: number | string,
  args: readonly string[],
  env: Record<string, string> = {},
): ChildProcess {
  return spawn('taskset', ['-c', String(core), process.execPath, ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
  });
}
