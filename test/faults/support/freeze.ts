/** Stops a whole Postgres as if its machine hung: the postmaster and every process of it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Every process stands still when this resolves; nothing is told to anybody. @returns what lets them go on */
export async function freezePostgres(postmaster: number): Promise<() => void> {
  // The postmaster first: it makes no more of them then.
  process.kill(postmaster, 'SIGSTOP');
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  const frozen = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, parent]) => (parent === postmaster && pid !== undefined ? [pid] : []));
  const signal = (pid: number, name: NodeJS.Signals) => {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it had ended by itself
    }
  };
  for (const pid of frozen) signal(pid, 'SIGSTOP');
  return () => {
    for (const pid of [...frozen, postmaster]) signal(pid, 'SIGCONT');
  };
}
