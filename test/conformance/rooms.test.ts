/** Rooms follow the rows: joins and leaves take effect at their place among the events, on every connection. */
import { describe, expect, it } from 'vitest';
import { drivers, pollingDriver, rawDriver, websocketDriver } from './drivers.js';
import { roomEvents, somebody, useWorld } from './world.js';

const world = useWorld();

const join = 'insert into lobby_participants (lobby_id, player_id) values ($1, $2)';
const leave = 'delete from lobby_participants where lobby_id = $1 and player_id = $2';

describe.each(drivers)('rooms: $name', (driver) => {
  it('lets a player in before its own lobby.joined and sends its own lobby.left, nothing before or after', async () => {
    const player = somebody();
    const client = await world.open(driver, player);
    const lobby = await world.lobby();
    await world.file(lobby.id);
    await world.query(join, [lobby.id, player]);
    const during = await world.file(lobby.id);
    await world.query(leave, [lobby.id, player]);
    await world.file(lobby.id);
    await world.query(join, [lobby.id, somebody()]);
    const [seen = []] = await world.settle(client);
    expect(roomEvents(seen)).toEqual(['lobby.joined', during, 'lobby.left']);
    const moves = seen.filter(({ type }) => type === 'lobby:event');
    expect(moves.map(({ data }) => data.payload.playerId)).toEqual([player, player]);
  });

  it('is exact within one transaction: in for what follows the join, out for what follows the leave', async () => {
    const player = somebody();
    const client = await world.open(driver, player);
    const lobby = await world.lobby();
    const { id } = await world.insert('contracts', { lobby_id: lobby.id });
    await world.query(`do $$ begin
      insert into storage (contract_id, player_id, kind, url) values ('${id}', 'x', 'external_url', 'before');
      insert into lobby_participants values ('${lobby.id}', '${player}');
      insert into storage (contract_id, player_id, kind, url) values ('${id}', 'x', 'external_url', 'during');
      delete from lobby_participants where lobby_id = '${lobby.id}';
      insert into storage (contract_id, player_id, kind, url) values ('${id}', 'x', 'external_url', 'after');
    end $$`);
    const [seen = []] = await world.settle(client);
    const told = seen.flatMap(({ type, data }) => {
      if (type === 'lobby:event') return [data.type];
      return type === 'storage:event' ? [data.payload.storage.url] : [];
    });
    expect(told).toEqual(['lobby.joined', 'during', 'lobby.left']);
  });

  it('empties the room when the lobby is deleted', async () => {
    const [first, second] = [somebody(), somebody()];
    const lobby = await world.lobby({}, [first, second]);
    const clients = [await world.open(driver, first), await world.open(driver, second)];
    await world.query('delete from lobbies where id = $1', [lobby.id]);
    // The same id again: whoever had been left in the room would hear of it.
    await world.lobby({ id: lobby.id });
    await world.query(join, [lobby.id, somebody()]);
    expect((await world.settle(...clients)).map(roomEvents)).toEqual([['lobby.deleted'], ['lobby.deleted']]);
  });

  it('moves a player whose row is changed to another lobby: left here, joined there', async () => {
    const player = somebody();
    const [from, to] = [await world.lobby({}, [player]), await world.lobby()];
    const client = await world.open(driver, player);
    await world.query('update lobby_participants set lobby_id = $2 where lobby_id = $1', [from.id, to.id]);
    await world.file(from.id);
    const file = await world.file(to.id);
    const [seen = []] = await world.settle(client);
    expect(roomEvents(seen)).toEqual(['lobby.left', 'lobby.joined', file]);
    const moves = seen.filter(({ type }) => type === 'lobby:event');
    expect(moves.map(({ data }) => data.lobbyId)).toEqual([from.id, to.id]);
  });

  it('is in all its lobbies from connect on', async () => {
    const player = somebody();
    const lobbies = [await world.lobby({}, [player]), await world.lobby({}, [player])];
    const client = await world.open(driver, player);
    const files = [await world.file(lobbies[0]!.id), await world.file(lobbies[1]!.id)];
    expect((await world.settle(client)).map(roomEvents)).toEqual([files]);
  });
});

describe('rooms: one player on every transport', () => {
  it('moves all connections of a player at once, and another player not', async () => {
    const player = somebody();
    const own = await Promise.all(
      [rawDriver, rawDriver, websocketDriver, pollingDriver].map((driver) => world.open(driver, player)),
    );
    const stranger = await world.open(rawDriver, somebody());
    const lobby = await world.lobby();
    await world.query(join, [lobby.id, player]);
    const file = await world.file(lobby.id);
    await world.query(leave, [lobby.id, player]);
    await world.file(lobby.id);
    const [strangers, ...seen] = (await world.settle(stranger, ...own)).map(roomEvents);
    expect(strangers).toEqual([]);
    for (const events of seen) expect(events).toEqual(['lobby.joined', file, 'lobby.left']);
  });

  it('goes on telling the other connections when one of them closes', async () => {
    const player = somebody();
    const lobby = await world.lobby({}, [player]);
    const [leaving, staying] = [
      await world.open(rawDriver, player),
      await world.open(websocketDriver, player),
    ];
    leaving.close();
    await leaving.ended;
    const file = await world.file(lobby.id);
    expect((await world.settle(staying)).map(roomEvents)).toEqual([[file]]);
  });
});
