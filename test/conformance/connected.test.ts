/** The greeting: first of all messages, exact in its keys, and true about the rooms. */
import { describe, expect, it } from 'vitest';
import { ioClient } from '../support/clients.js';
import { drivers } from './drivers.js';
import { roomEvents, somebody, useWorld } from './world.js';

const world = useWorld();

describe.each(drivers)('connected: $name', (driver) => {
  it('comes first, with these keys and the lobbies the player is in', async () => {
    const player = somebody();
    const lobbies = [await world.lobby({}, [player]), await world.lobby({ host_id: player }, [player])];
    await world.lobby({ host_id: player });
    await world.lobby({ visibility: 'public' });
    const client = await world.open(driver, player);
    const [first] = client.messages;
    expect(first).toMatchObject({ type: 'connected' });
    const { connectionId, cursor, timestamp, ...rest } = first?.data ?? {};
    expect(rest).toStrictEqual({
      playerId: player,
      lobbies: lobbies.map(({ id, code }) => ({ lobbyId: id, lobbyCode: code })),
      recovered: false,
    });
    expect(Object.keys(first?.data as object).sort()).toEqual(
      ['playerId', 'connectionId', 'lobbies', 'cursor', 'recovered', 'timestamp'].sort(),
    );
    expect(connectionId).toMatch(/^.{10,}$/);
    expect(cursor).toMatch(/^.+$/);
    expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('has no lobbies for a player who is in none', async () => {
    const client = await world.open(driver, somebody());
    expect(client.messages[0]?.data.lobbies).toEqual([]);
  });

  it('gives each connection an id of its own', async () => {
    const player = somebody();
    const clients = [await world.open(driver, player), await world.open(driver, player)];
    const ids = clients.map(({ messages }) => messages[0]?.data.connectionId as string);
    expect(new Set(ids).size).toBe(2);
  });

  it('is said once the client is live: what is written the moment it comes arrives', async () => {
    const player = somebody();
    const lobby = await world.lobby({}, [player]);
    for (let round = 0; round < 5; round++) {
      const client = await world.open(driver, player);
      const file = await world.file(lobby.id);
      expect((await world.settle(client)).map(roomEvents)).toEqual([[file]]);
    }
  });

  it('tells no event twice and misses none when rooms change while clients connect', async () => {
    const player = somebody();
    const lobby = await world.lobby({}, [player]);
    const connecting = Promise.all(Array.from({ length: 5 }, () => world.open(driver, player)));
    const files: string[] = [];
    for (let at = 0; at < 10; at++) files.push(await world.file(lobby.id));
    const clients = await connecting;
    for (const client of clients) {
      await world.settle(client);
      expect(client.messages[0]?.type).toBe('connected');
      // Whatever the moment it went live at, it has the rest without a hole.
      const seen = roomEvents(client.messages);
      expect(seen).toEqual(files.slice(files.length - seen.length));
    }
  });
});

describe('connected: Socket.IO', () => {
  it('names the socket by its own id', async () => {
    const client = world.keep(ioClient(world.server, await world.server.token(somebody())));
    const { data } = await client.next('connected');
    expect(data.connectionId).toBe(client.socket.id);
    expect(client.socket.recovered).toBe(false);
  });
});
