/** Who may subscribe to a lobby, and when the right and with it the subscription ends. */
import { describe, expect, it } from 'vitest';
import { drivers } from './drivers.js';
import { roomEvents, somebody, useWorld } from './world.js';

const world = useWorld();

const setPrivate = `update lobbies set visibility = 'private' where id = $1`;
const leave = 'delete from lobby_participants where lobby_id = $1 and player_id = $2';

describe.each(drivers)('subscriptions: $name', (driver) => {
  it('lets anyone watch a public lobby, its end included', async () => {
    const client = await world.open(driver, somebody());
    const lobby = await world.lobby({ visibility: 'public' });
    expect(await client.ask('subscribe', { lobbyId: lobby.id })).toEqual({ ok: true });
    await world.insert('lobby_participants', { lobby_id: lobby.id, player_id: 'x' });
    const file = await world.file(lobby.id);
    await world.query('delete from storage where id = $1', [file]);
    await world.query(leave, [lobby.id, 'x']);
    await world.query('delete from lobbies where id = $1', [lobby.id]);
    expect((await world.settle(client)).map(roomEvents)).toEqual([
      ['lobby.joined', file, file, 'lobby.left', 'lobby.deleted'],
    ]);
  });

  it('lets a participant subscribe to its lobby, and tells it nothing twice', async () => {
    const player = somebody();
    const lobby = await world.lobby({}, [player]);
    const client = await world.open(driver, player);
    expect(await client.ask('subscribe', { lobbyCode: lobby.code })).toEqual({ ok: true });
    const file = await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[file]]);
  });

  it("lets a contract's mediator subscribe to the contract's lobby", async () => {
    const mediator = somebody('mediator');
    const lobby = await world.lobby();
    await world.insert('contracts', { lobby_id: lobby.id, mediator_id: mediator });
    const client = await world.open(driver, mediator);
    await world.file(lobby.id);
    expect(await client.ask('subscribe', { lobbyId: lobby.id })).toEqual({ ok: true });
    const file = await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[file]]);
  });

  it('denies in the same words a lobby that is not there and one that is not yours', async () => {
    const host = somebody('host');
    const client = await world.open(driver, host);
    const lobby = await world.lobby({ host_id: host });
    await world.insert('contracts', { lobby_id: lobby.id, mediator_id: 'another' });
    const answers = [];
    for (const data of [
      { lobbyId: lobby.id },
      { lobbyCode: lobby.code },
      { lobbyId: '00000000-0000-4000-8000-000000000000' },
      { lobbyCode: 'not there' },
    ]) {
      answers.push(await client.ask('subscribe', data));
    }
    const [first] = answers;
    expect(first).toMatchObject({ ok: false, error: { code: 'SUBSCRIBE_DENIED' } });
    for (const answer of answers) expect(answer).toStrictEqual(first);
    await world.file(lobby.id);
    const [seen = []] = await world.settle(client);
    expect(roomEvents(seen).filter((event) => event !== 'lobby.created')).toEqual([]);
  });

  it('unsubscribes from a lobby that is not there or not subscribed to without an error', async () => {
    const client = await world.open(driver, somebody());
    const lobby = await world.lobby();
    for (const lobbyId of [lobby.id, lobby.code, 'not there']) {
      expect(await client.ask('unsubscribe', { lobbyId })).toEqual({ ok: true });
    }
  });

  it('ends the subscriptions of spectators, not of members, when the lobby turns private', async () => {
    const member = somebody();
    const lobby = await world.lobby({ visibility: 'public' }, [member]);
    const clients = [await world.open(driver, somebody()), await world.open(driver, member)];
    for (const client of clients) await client.ask('subscribe', { lobbyId: lobby.id });
    await world.query(setPrivate, [lobby.id]);
    const file = await world.file(lobby.id);
    expect((await world.settle(...clients)).map(roomEvents)).toEqual([[], [file]]);
    await world.query(`update lobbies set visibility = 'public' where id = $1`, [lobby.id]);
    await world.file(lobby.id);
    const [spectators] = await world.settle(...clients);
    expect(roomEvents(spectators ?? [])).toEqual([]);
  });

  it.each([
    {
      change: 'another mediator takes the contract',
      sql: `update contracts set mediator_id = 'x' where id = $1`,
    },
    {
      change: 'the contract has no mediator any more',
      sql: 'update contracts set mediator_id = null where id = $1',
    },
    {
      change: 'the contract leaves the lobby',
      sql: 'update contracts set lobby_id = null where id = $1',
    },
    { change: 'the contract is deleted', sql: 'delete from contracts where id = $1' },
  ])("ends a mediator's subscription when $change", async ({ sql }) => {
    const mediator = somebody('mediator');
    const lobby = await world.lobby();
    const { id } = await world.insert('contracts', { lobby_id: lobby.id, mediator_id: mediator });
    const client = await world.open(driver, mediator);
    await client.ask('subscribe', { lobbyId: lobby.id });
    await world.query(sql, [id]);
    await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[]]);
    expect(await client.ask('subscribe', { lobbyId: lobby.id })).toMatchObject({ ok: false });
  });

  it('keeps the subscription of a mediator who has another contract there', async () => {
    const mediator = somebody('mediator');
    const lobby = await world.lobby();
    const { id } = await world.insert('contracts', { lobby_id: lobby.id, mediator_id: mediator });
    await world.insert('contracts', { lobby_id: lobby.id, mediator_id: mediator });
    const client = await world.open(driver, mediator);
    await client.ask('subscribe', { lobbyId: lobby.id });
    await world.query('update contracts set mediator_id = null where id = $1', [id]);
    const file = await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[file]]);
  });

  it.each(['private', 'public'])(
    'ends a subscription when its player leaves the %s lobby',
    async (visibility) => {
      const player = somebody();
      const lobby = await world.lobby({ visibility }, [player]);
      const client = await world.open(driver, player);
      await client.ask('subscribe', { lobbyId: lobby.id });
      await world.query(leave, [lobby.id, player]);
      await world.file(lobby.id);
      expect((await world.settle(client)).map(roomEvents)).toEqual([['lobby.left']]);
    },
  );

  it('ends a subscription of a deleted lobby, even if its id is used again', async () => {
    const client = await world.open(driver, somebody());
    const lobby = await world.lobby({ visibility: 'public' });
    await client.ask('subscribe', { lobbyId: lobby.id });
    await world.query('delete from lobbies where id = $1', [lobby.id]);
    await world.lobby({ id: lobby.id, visibility: 'public' });
    await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([['lobby.deleted']]);
  });

  it('holds for one connection, not for others of the same player', async () => {
    const player = somebody();
    const clients = [await world.open(driver, player), await world.open(driver, player)];
    const lobby = await world.lobby({ visibility: 'public' });
    await clients[0]!.ask('subscribe', { lobbyId: lobby.id });
    const file = await world.file(lobby.id);
    expect((await world.settle(...clients)).map(roomEvents)).toEqual([[file], []]);
  });
});
