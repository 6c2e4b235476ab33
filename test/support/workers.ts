/** `serve --workers`, as a command. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createAuth } from '../../src/auth/index.js';
import { loadConfig } from '../../src/config.js';
import { run, type Child } from './child.js';

export function serveByWorkers(workers: string, env: Record<string, string>): Child {
  return run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'serve', '--workers', workers], {
    env: { PATH: process.env.PATH ?? '', PORT: '0', HASHI_DRAIN_MS: '300', LOG_FORMAT: 'json', ...env },
  });
}

/** A token of the development key in that directory. */
export async function tokenOf(dataDir: string, player: string): Promise<string> {
  const { mint } = await createAuth(loadConfig({ HASHI_DATA_DIR: dataDir }).config);
  if (!mint) throw new Error('the server is not in development mode');
  return mint({ playerId: player });
}

/** The processes whose parent is the primary. */
export async function workersOf(primary: Child): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent] = /^ *(\d+) +(\d+) .*cli\/main\.ts/.exec(line) ?? [];
    return Number(parent) === primary.pid ? [Number(pid)] : [];
  });
}
