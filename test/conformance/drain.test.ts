/** A server that goes says so, to every client, before it closes. */
import { describe, expect, it } from 'vitest';
import { startServer } from '../support/server.js';
import { drivers } from './drivers.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();

describe.each(drivers)('drain: $name', (driver) => {
  it('tells SERVER_RESTARTING, closes with 1012, and another instance serves the client on', async () => {
    const player = somebody();
    const going = await startServer(world.database.url);
    const clients = await Promise.all(
      Array.from({ length: 3 }, () => world.open(driver, player, { server: going })),
    );
    const stopped = going.stop();
    // Said from the start, so that nobody is sent here any more.
    expect((await fetch(`${going.url}/readyz`)).status).toBe(503);
    for (const client of clients) {
      expect((await client.next('error')).data).toStrictEqual({
        message: expect.any(String),
        code: 'SERVER_RESTARTING',
      });
      // A Socket.IO client is not told to stay away: it comes back by itself.
      expect(await client.ended).toEqual(driver.ending(1012));
    }
    await stopped;
    await world.open(driver, player);
  });
});
