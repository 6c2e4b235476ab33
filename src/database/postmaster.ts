/** The running Postgres: starting its process, finding one that was left behind, ending it. */
import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../errors.js';
import type { Binaries } from './binaries.js';
import { commandOf, goneWithin, isAlive } from './process.js';
import { spawnIds, type RunAs } from './unprivileged.js';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A Postgres that runs. `exited` resolves when it has ended, whoever ended it. */
export interface Postmaster {
  readonly pid: number;
  readonly exited: Promise<Exit>;
}

export interface LaunchOptions {
  readonly binaries: Binaries;
  readonly runAs: RunAs | undefined;
  readonly cluster: string;
  readonly settingsFile: string;
  readonly logFile: string;
}

/** Starts the process; whether it gets ready is for the caller to see. */
export async function launch(options: LaunchOptions): Promise<Postmaster> {
  return process.platform === 'win32' ? launchOnWindows(options) : launchDirectly(options);
}

/** In a session of its own, so that the terminal's Ctrl-C does not reach it before we have drained. */
async function launchDirectly({ binaries, runAs, cluster, settingsFile, logFile }: LaunchOptions) {
  // Opened by us: the user that Postgres runs as may not be able to.
  const log = await open(logFile, 'a', 0o600);
  try {
    const child = spawn(binaries.postgres, ['-D', cluster, '-c', `config_file=${settingsFile}`], {
      ...spawnIds(runAs),
      cwd: '/',
      env: binaries.env,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const exited = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref(); // it may outlive us, and does not keep us alive
    return { pid: child.pid ?? 0, exited };
  } catch (cause) {
    throw new OperatorError(`Postgres could not be started: ${(cause as Error).message}`, { cause });
  } finally {
    await log.close();
  }
}

/** pg_ctl drops an administrator's rights, without which Postgres refuses to start. */
async function launchOnWindows({
  binaries,
  cluster,
  settingsFile,
  logFile,
}: LaunchOptions): Promise<Postmaster> {
  const options = `-c config_file="${settingsFile}"`;
  await runPgCtl(binaries, ['start', '-w', '-s', '-D', cluster, '-l', logFile, '-o', options]);
  const pid = (await readPostmasterFile(cluster))?.pid;
  if (pid === undefined) throw new OperatorError(`Postgres ended at once: see ${logFile}`);
  return watch(pid);
}

async function runPgCtl(binaries: Binaries, args: string[]): Promise<void> {
  const child = spawn(binaries.pgCtl, args, {
    env: binaries.env,
    detached: true,
    windowsHide: true,
    stdio: 'ignore',
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
}

/** A process that is not our child tells nobody of its end: looked at every 250 ms. */
export function watch(pid: number): Postmaster {
  const exited = new Promise<Exit>((resolve) => {
    const timer = setInterval(() => {
      if (isAlive(pid)) return;
      clearInterval(timer);
      resolve({ code: null, signal: null });
    }, 250);
    timer.unref();
  });
  return { pid, exited };
}

export interface PostmasterFile {
  readonly pid: number;
  readonly port: number;
  /** It has opened its port and takes connections. */
  readonly ready: boolean;
}

/** Reads the file that a running Postgres keeps, and a killed one leaves, in its cluster. */
export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' };
}

/** Whether `pid` is a Postgres of this very cluster, not a newcomer that was given a dead one's number. */
export async function servesCluster(pid: number, cluster: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const command = await commandOf(pid);
  return command === undefined || command.includes(cluster);
}

const escalation = [
  { signal: 'SIGINT', boundMs: 15_000 }, // fast: sessions are cut, everything is written out
  { signal: 'SIGQUIT', boundMs: 5_000 }, // immediate: the next start recovers from the log
  { signal: 'SIGKILL', boundMs: 5_000 },
] as const;

/** @throws OperatorError when nothing ends it */
export async function end(pid: number, binaries: Binaries): Promise<void> {
  for (const { signal, boundMs } of escalation) {
    if (process.platform === 'win32') await runPgCtl(binaries, ['kill', signal.slice(3), String(pid)]);
    else sendSignal(pid, signal);
    if (await goneWithin(pid, boundMs)) return;
  }
  throw new OperatorError(`Postgres (pid ${pid}) cannot be ended`);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // gone is what we want
  }
}

/** Tells of an end that nobody asked for, also to who asks after it has happened. */
export class ExitNotice {
  readonly #events = new EventEmitter();
  #exit: Exit | undefined;
  #expected = false;

  constructor(postmaster: Postmaster) {
    void postmaster.exited.then((exit) => {
      if (this.#expected) return;
      this.#exit = exit;
      this.#events.emit('exit', exit);
    });
  }

  /** From now on an end is what we want. */
  expect(): void {
    this.#expected = true;
  }

  onExit(callback: (exit: Exit) => void): void {
    if (this.#exit === undefined) this.#events.once('exit', callback);
    else queueMicrotask(() => callback(this.#exit as Exit));
  }
}
