/** That a run which is ended leaves nothing running: its databases are in sessions of their own. */
import { expect, it } from 'vitest';
import { run } from '../../support/child.js';
import { isAlive, startedBy } from '../../support/processes.js';

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
