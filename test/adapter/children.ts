/** Starts `child.ts`. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly process: ChildProcess;
  readonly url: string;
  /** Resolves with how it ended: an exit code or a signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  emit(...args: unknown[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startChild(kind: 'stock' | 'ours', databaseUrl: string): Promise<Child> {
  const child = fork(fileURLToPath(new URL('child.ts', import.meta.url)), [kind, databaseUrl], {
    execArgv: ['--import', 'tsx'],
    silent: true,
  });
  let output = '';
  child.stderr?.on('data', (chunk: Buffer) => (output += String(chunk)));
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 0));
  });
  const first = await Promise.race([
    once(child, 'message') as Promise<[{ url: string }]>,
    ended.then((how) => Promise.reject(new Error(`the child ended at once: ${how} ${output}`))),
  ]);
  return {
    process: child,
    url: first[0].url,
    ended,
    emit: async (...args) => {
      child.send({ emit: args });
      await once(child, 'message');
    },
    stop: async () => {
      if (child.connected) child.send({ stop: true });
      await ended;
    },
  };
}
