/** That the log is read once more when LISTEN has taken: what commits in between rings for nobody. */
import { expect, it } from 'vitest';
import { Feed } from '../../src/log/feed.js';
import { createMigratedDatabase } from '../support/migrated.js';
import { startProxy } from '../support/proxy.js';

it('finds what was committed before it listened again, without a bell or a sweep', async () => {
  const database = await createMigratedDatabase();
  const proxy = await startProxy(database.url);
  const types: string[] = [];
  let onDown: () => void = () => undefined;
  const down = new Promise<void>((resolve) => (onDown = resolve));
  const feed = new Feed({
    url: proxy.through(database.url),
    sweepMs: 1e9,
    observer: {
      onEntries: (entries) => types.push(...entries.map(({ type }) => type)),
      onGap: (reason) => types.push(reason),
      onDown,
    },
  });
  try {
    await feed.start();
    proxy.refuse();
    proxy.cut();
    await down;
    await database.query('insert into contracts default values');
    proxy.heal();
    await expect.poll(() => types).toEqual(['contract.created']);
  } finally {
    await feed.stop();
    await proxy.stop();
    await database.drop();
  }
});
