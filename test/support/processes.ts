/** The processes of this machine: who has started which, and who is left. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The processes that this one has started, by their ids: those whose command line is like this. */
export async function startedBy(pid: number, like = /(?:)/): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args=']);
  return stdout.split('\n').flatMap((line) => {
    const [own, parent, ...command] = line.trim().split(/\s+/);
    return Number(parent) === pid && command[0] !== 'ps' && like.test(command.join(' ')) ? [Number(own)] : [];
  });
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
