/** A command as a child process, with all it has printed and a way to wait for what it will print. */
import { spawn, type SpawnOptions } from 'node:child_process';
import { root } from './readme.js';

export interface Child {
  readonly pid: number;
  /** Standard output and error, as they came. */
  readonly output: () => string;
  /** Resolves with the match; rejects when the process ends without it. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | string | null>;
  /** To the whole group, as a terminal sends it; nothing if it has ended. */
  signal(name: NodeJS.Signals): void;
}

/** In process groups of their own: nobody else ends them when this process ends early. */
const running = new Set<number>();
process.on('exit', () => {
  for (const pid of running) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
});

/** Runs in the project's directory, in a process group of its own. */
export function run(command: string, args: readonly string[], options: SpawnOptions = {}): Child {
  const child = spawn(command, args, {
    cwd: root,
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid !== undefined) running.add(child.pid);
  let output = '';
  let over = false;
  const waiting = new Set<() => void>();
  const look = () => {
    for (const check of waiting) check();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      look();
    });
  }
  const exited = new Promise<number | string | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      over = true;
      if (child.pid !== undefined) running.delete(child.pid);
      resolve(code ?? signal);
      look();
    });
  });
  return {
    pid: child.pid ?? -1,
    output: () => output,
    exited,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const match = pattern.exec(output);
          if (match) resolve(match);
          else if (over) reject(new Error(`${command} ended without printing ${pattern}:\n${output}`));
          else return;
          waiting.delete(check);
        };
        waiting.add(check);
        check();
      }),
    signal(name) {
      if (!over && child.pid !== undefined) process.kill(-child.pid, name);
    },
  };
}
