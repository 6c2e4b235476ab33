/** Who gets which event, and who must not. */
import { describe, expect, it } from 'vitest';
import { drivers } from './drivers.js';
import { roomEvents, somebody, useWorld } from './world.js';

const world = useWorld();

describe.each(drivers)('audiences: $name', (driver) => {
  it('tells every client of contracts and bounties, whatever lobbies they are in', async () => {
    const [member, stranger] = [somebody(), somebody()];
    const lobby = await world.lobby({}, [member]);
    const clients = [await world.open(driver, member), await world.open(driver, stranger)];
    const contract = await world.insert('contracts', { lobby_id: lobby.id });
    const bounty = await world.insert('bounties', { lobby_id: lobby.id, title: 'it', created_by: 'x' });
    for (const seen of await world.settle(...clients)) {
      expect(seen.map(({ data }) => data.contractId ?? data.bountyId)).toEqual([contract.id, bounty.id]);
    }
  });

  it('tells of a lobby and its files those who are in it, nobody else, and not its host as such', async () => {
    const [member, stranger, elsewhere, host] = [somebody(), somebody(), somebody(), somebody('host')];
    const lobby = await world.lobby({ host_id: host }, [member]);
    await world.lobby({ host_id: host }, [elsewhere]);
    const clients = await Promise.all(
      [member, stranger, elsewhere, host].map((player) => world.open(driver, player)),
    );
    await world.insert('lobby_participants', { lobby_id: lobby.id, player_id: 'another' });
    const file = await world.file(lobby.id);
    await world.query('delete from lobby_participants where lobby_id = $1 and player_id = $2', [
      lobby.id,
      'another',
    ]);
    await world.query('delete from lobbies where id = $1', [lobby.id]);
    const seen = (await world.settle(...clients)).map(roomEvents);
    expect(seen).toEqual([['lobby.joined', file, 'lobby.left', 'lobby.deleted'], [], [], []]);
  });

  it('tells the host of lobby.created, on each of its connections and once, and nobody else', async () => {
    const host = somebody('host');
    const clients = [
      await world.open(driver, host),
      await world.open(driver, host),
      await world.open(driver, somebody()),
    ];
    await world.lobby({ host_id: host });
    const seen = (await world.settle(...clients)).map(roomEvents);
    expect(seen).toEqual([['lobby.created'], ['lobby.created'], []]);
  });

  it('tells nobody of lobby.created when there is no host', async () => {
    const client = await world.open(driver, somebody());
    await world.lobby();
    expect((await world.settle(client)).map(roomEvents)).toEqual([[]]);
  });

  it('tells the host of its lobby once it is a member, from its own lobby.joined on', async () => {
    const host = somebody('host');
    const client = await world.open(driver, host);
    const lobby = await world.lobby({ host_id: host });
    await world.file(lobby.id);
    await world.insert('lobby_participants', { lobby_id: lobby.id, player_id: host });
    const file = await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([['lobby.created', 'lobby.joined', file]]);
  });

  it('counts a contract that moved to another lobby under the new one', async () => {
    const [before, after] = [somebody(), somebody()];
    const [first, second] = [await world.lobby({}, [before]), await world.lobby({}, [after])];
    const { id } = await world.insert('contracts', { lobby_id: first.id });
    const clients = [await world.open(driver, before), await world.open(driver, after)];
    await world.query('update contracts set lobby_id = $2 where id = $1', [id, second.id]);
    const file = await world.insert('storage', {
      contract_id: id,
      player_id: 'x',
      kind: 'external_url',
    });
    expect((await world.settle(...clients)).map(roomEvents)).toEqual([[], [file.id]]);
  });

  it('names the new code of a lobby from its next event on', async () => {
    const player = somebody();
    const lobby = await world.lobby({}, [player]);
    const client = await world.open(driver, player);
    await world.query('update lobbies set code = $2 where id = $1', [lobby.id, `NEW${lobby.code}`]);
    await world.insert('contracts', { lobby_id: lobby.id });
    expect((await client.next('contract.created')).data.lobbyId).toBe(`NEW${lobby.code}`);
  });
});
