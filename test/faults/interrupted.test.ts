/** That a run of the mutation check which is interrupted leaves neither its Postgres nor its tests behind. */
import { expect, it } from 'vitest';
import { run } from '../support/child.js';
import { isAlive, startedBy } from '../support/processes.js';

it.each(['SIGINT', 'SIGTERM'] as const)('ends its Postgres and its tests by %s', async (signal) => {
  const child = run(process.execPath, [
    ...['--import', 'tsx', 'test/mutations/main.ts', '^hostile: answer JSONP$'],
  ]);
  let started: number[] = [];
  try {
    await child.printed(/as it is/);
    // Beside them there may be what compiles this.
    const both = async () => (started = await startedBy(child.pid, /postgres -D|vitest/)).length;
    await expect.poll(both).toBe(2);
    child.signal(signal);
    expect(await child.exited).toBe(1);
    await expect.poll(() => started.filter(isAlive)).toEqual([]);
  } finally {
    child.signal('SIGKILL');
    for (const pid of started.filter(isAlive)) process.kill(pid, 'SIGINT');
  }
});
