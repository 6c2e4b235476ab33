/** That a run which is ended leaves nothing running: its databases are in sessions of their own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { run } from '../../support/child.js';

/** The processes that this one has started, by their ids. */
async function startedBy(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [own, parent, command = ''] = line.trim().split(/\s+/);
    return Number(parent) === pid && command !== 'ps' ? [Number(own)] : [];
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it(
  'ends its databases, its standby and its instances when it is told to end',
  { timeout: 120_000 },
  async () => {
    const child = run(process.execPath, [
      ...['--import', 'tsx', 'test/faults/chaos/main.ts', '--seed', '1', '--minutes', '5'],
      ...['--only', 'fail over to a standby'],
    ]);
    try {
      // The second time there is nothing left to do: the standby has taken over.
      await child.printed(/(fail over to a standby[^]*){2}/);
      const started = await startedBy(child.pid);
      expect(started.length).toBeGreaterThanOrEqual(3);
      child.signal('SIGTERM');
      expect(await child.exited).toBe(1);
      await expect.poll(() => started.filter(isAlive)).toEqual([]);
    } finally {
      child.signal('SIGKILL');
    }
  },
);
