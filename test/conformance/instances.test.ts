/** Two servers on one database: every event on both, and rooms shared between them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from '../support/server.js';
import { drivers, pollingDriver, rawDriver, websocketDriver } from './drivers.js';
import { roomEvents, somebody, useWorld } from './world.js';

const world = useWorld();
let other: TestServer;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(joinPath(tmpdir(), 'hashi-test-'));
  other = await startServer(world.database.url, { HASHI_DATA_DIR: dataDir });
});
afterAll(async () => {
  await other?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

describe.each(drivers)('two instances: $name', (driver) => {
  it('joins and leaves at the same place among the events on both', async () => {
    const player = somebody();
    const clients = [await world.open(driver, player), await world.open(driver, player, { server: other })];
    const lobby = await world.lobby();
    const { id } = await world.insert('contracts', { lobby_id: lobby.id });
    await world.query(`do $$ begin
      for i in 1..20 loop
        insert into storage (contract_id, player_id, kind, url) values ('${id}', 'x', 'external_url', 'out');
        insert into lobby_participants values ('${lobby.id}', '${player}');
        insert into storage (contract_id, player_id, kind, url) values ('${id}', 'x', 'external_url', 'in');
        delete from lobby_participants where lobby_id = '${lobby.id}';
      end loop;
    end $$`);
    for (const seen of await world.settle(...clients)) {
      const told = seen.flatMap(({ data }) => data.payload?.storage?.url ?? data.type);
      const once = ['lobby.joined', 'in', 'lobby.left'];
      expect(told).toEqual(['contract.created', ...Array.from({ length: 20 }, () => once).flat()]);
    }
  });

  it('tells both the same events in the same order', async () => {
    const clients = [
      await world.open(driver, somebody()),
      await world.open(driver, somebody(), { server: other }),
    ];
    await Promise.all(Array.from({ length: 30 }, () => world.insert('contracts', {})));
    const [here = [], there = []] = await world.settle(...clients);
    expect(here.length).toBe(30);
    expect(there.map(({ data }) => data)).toEqual(here.map(({ data }) => data));
  });

  it('ends a subscription on whichever instance it is', async () => {
    const lobby = await world.lobby({ visibility: 'public' });
    const clients = [
      await world.open(driver, somebody()),
      await world.open(driver, somebody(), { server: other }),
    ];
    for (const client of clients) {
      expect(await client.ask('subscribe', { lobbyId: lobby.id })).toEqual({ ok: true });
    }
    const file = await world.file(lobby.id);
    await world.query(`update lobbies set visibility = 'private' where id = $1`, [lobby.id]);
    await world.file(lobby.id);
    expect((await world.settle(...clients)).map(roomEvents)).toEqual([[file], [file]]);
  });
});

it('tells a player who was removed nothing more, on any instance, transport or connection, subscribed or not', async () => {
  const player = somebody();
  for (const visibility of ['private', 'public']) {
    const lobby = await world.lobby({ visibility }, [player]);
    const clients = [];
    for (const server of [world.server, other]) {
      for (const driver of drivers) {
        for (const subscribed of [true, false]) {
          const client = await world.open(driver, player, { server });
          if (subscribed) await client.ask('subscribe', { lobbyId: lobby.id });
          clients.push(client);
        }
      }
    }
    const file = await world.file(lobby.id);
    await world.query('delete from lobby_participants where lobby_id = $1', [lobby.id]);
    await world.file(lobby.id);
    await world.query('delete from lobbies where id = $1', [lobby.id]);
    const seen = await world.settle(...clients);
    expect(seen.map(roomEvents)).toEqual(clients.map(() => [file, 'lobby.left']));
    for (const client of clients) client.close();
  }
});

describe('two instances: the server API', () => {
  it('reaches both kinds of clients in a room on both instances', async () => {
    const player = somebody();
    const lobby = await world.lobby({}, [player]);
    const clients = await Promise.all(
      [world.server, other].flatMap((server) =>
        [rawDriver, websocketDriver, pollingDriver].map((driver) => world.open(driver, player, { server })),
      ),
    );
    const stranger = await world.open(rawDriver, somebody(), { server: other });
    // Each knows of the other's clients: messages between the two pass in both directions.
    for (const { server } of [world.server, other]) {
      const members = () => server.io.in(`lobby:${lobby.id}`).fetchSockets();
      await expect.poll(members).toHaveLength(6);
    }
    world.server.server.io.to(`lobby:${lobby.id}`).emit('pong', { from: 'the server API' });
    for (const client of clients) {
      const { data } = await client.next('pong');
      expect(data).toEqual({ from: 'the server API' });
    }
    expect((await world.settle(stranger)).flat()).toEqual([]);
  });
});
