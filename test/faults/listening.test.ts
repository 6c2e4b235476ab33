/** That the log is read once more when LISTEN has taken: what commits in between rings for nobody. */
import { expect, it } from 'vitest';
import { Feed } from '../../src/log/feed.js';
import { createMigratedDatabase } from '../support/migrated.js';
import { startProxy } from '../support/proxy.js';
import { startServer } from '../support/server.js';
import { expectServed, expectServedAgain, summonWitnesses } from './support/witnesses.js';

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
  const server = await startServer(proxy.through(database.url));
  const witnesses = await summonWitnesses(server);
  try {
    await feed.start();
    proxy.refuse();
    proxy.cut();
    await down;
    // Those of a server stay meanwhile, and are told of the same when it has found its way back.
    await expectServed({ server, witnesses }, 503);
    const [{ id }] = await database.query('insert into contracts default values returning id');
    await expectServed({ server, witnesses }, 503);
    proxy.heal();
    await expect.poll(() => types).toEqual(['contract.created']);
    await witnesses.expectAll([id]);
    await expectServedAgain({ server, witnesses });
  } finally {
    witnesses.close();
    await server.stop();
    await feed.stop();
    await proxy.stop();
    await database.drop();
  }
});
