/** A server that goes says so, to every client, before it closes. */
import { describe, expect, it } from 'vitest';
import { startServer } from '../support/server.js';
import { eventually } from '../hostile/observe.js';
import { dial } from '../hostile/wire.js';
import { drivers, rawDriver } from './drivers.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();

describe.each(drivers)('drain: $name', (driver) => {
  it('tells SERVER_RESTARTING, closes with 1012, and another instance serves the client on', async () => {
    const player = somebody();
    const going = await startServer(world.database.url);
    const clients = await Promise.all(
      Array.from({ length: 3 }, () => world.open(driver, player, { server: going })),
    );
    // Connected before: with so few clients the drain lasts no longer than connecting may on a busy machine.
    const asking = await dial(going);
    const stopped = going.stop();
    // Said from the start, so that nobody is sent here any more.
    asking.send('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await asking.seen(/^HTTP\/1\.1 \d+ /)).toMatch(/^HTTP\/1\.1 503 /);
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

  it('counts those it has told, those it has closed, and those it turns away meanwhile', async () => {
    // One every 50 ms, so that there is time to look, on a busy machine too.
    const going = await startServer(world.database.url, { HASHI_DRAIN_MS: '5000' });
    await Promise.all(Array.from({ length: 50 }, () => world.open(driver, somebody(), { server: going })));
    const token = await going.token('late');
    const stopped = going.stop();
    const late = world.keep(driver.connect(going, token));
    const ends = driver === rawDriver ? 'hashi_closes_total{code="1012"}' : 'hashi_socketio_closes_total';
    const counts = [
      ends,
      'hashi_errors_total{code="SERVER_RESTARTING"}',
      'hashi_refused_total{reason="draining"}',
    ];
    await eventually(
      async () => (await fetch(`${going.url}/metrics`)).text(),
      (text) =>
        counts.every((name) =>
          text.split('\n').some((line) => line.startsWith(name) && !line.endsWith(' 0')),
        ),
    );
    await late.failed;
    await stopped;
  });
});
