/** Lobby events: each transition of a row, and the exact frame it becomes. */
import { describe, expect, it } from 'vitest';
import { drivers } from './drivers.js';
import { expectEvent, instants } from './frames.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();

const row = {
  name: 'Finals “2026”',
  visibility: 'public',
  status: 'playing',
  max_players: 8,
  created_at: instants[0].sql,
  updated_at: instants[1].sql,
};

/** A lobby of `host`, with `bob` and then `Alice` in it: capitals come first. */
async function givenLobby(host: string) {
  const lobby = await world.lobby({ host_id: host, ...row });
  const members = [
    { player_id: 'bob', role: 'player', created_at: instants[1].sql },
    { player_id: 'Alice', role: 'referee', created_at: instants[2].sql },
    { player_id: host, role: 'host', created_at: instants[0].sql },
  ];
  for (const member of members) await world.insert('lobby_participants', { lobby_id: lobby.id, ...member });
  return lobby;
}

const alice = { playerId: 'Alice', role: 'referee', createdAt: instants[2].wire };
const bob = { playerId: 'bob', role: 'player', createdAt: instants[1].wire };

const lobbyObject = (lobby: { id: string; code: string }, host: string) => ({
  id: lobby.id,
  code: lobby.code,
  name: 'Finals “2026”',
  hostId: host,
  visibility: 'public',
  status: 'playing',
  maxPlayers: 8,
  createdAt: instants[0].wire,
  updatedAt: instants[1].wire,
});

describe.each(drivers)('lobby events: $name', (driver) => {
  it('sends lobby.created to its host, with the whole lobby', async () => {
    const host = somebody('host');
    const client = await world.open(driver, host);
    const frame = await expectEvent(world, client, 'lobby:event', 'lobby.created', () =>
      world.lobby({ host_id: host, ...row }),
    );
    const { lobbyId: id, lobbyCode: code } = frame.data;
    const [stored] = await world.query('select code from lobbies where id = $1', [id]);
    expect(code).toBe(stored.code);
    expect(frame.data).toStrictEqual({
      type: 'lobby.created',
      lobbyId: id,
      lobbyCode: code,
      timestamp: frame.data.timestamp,
      payload: {
        lobby: { ...lobbyObject({ id, code }, host), participants: [] },
        playerId: null,
        participantCount: 0,
      },
    });
  });

  it('sends lobby.joined with those who are in it then, ordered by player id', async () => {
    const host = somebody('host');
    const lobby = await givenLobby(host);
    const client = await world.open(driver, host);
    const frame = await expectEvent(world, client, 'lobby:event', 'lobby.joined', () =>
      world.insert('lobby_participants', {
        lobby_id: lobby.id,
        player_id: 'Zoë',
        created_at: instants[2].sql,
      }),
    );
    expect(frame.data).toStrictEqual({
      type: 'lobby.joined',
      lobbyId: lobby.id,
      lobbyCode: lobby.code,
      timestamp: frame.data.timestamp,
      payload: {
        lobby: {
          ...lobbyObject(lobby, host),
          participants: [
            alice,
            { playerId: 'Zoë', role: 'player', createdAt: instants[2].wire },
            bob,
            { playerId: host, role: 'host', createdAt: instants[0].wire },
          ],
        },
        playerId: 'Zoë',
        participantCount: 4,
      },
    });
  });

  it('sends lobby.left with those who are left', async () => {
    const host = somebody('host');
    const lobby = await givenLobby(host);
    const client = await world.open(driver, host);
    const frame = await expectEvent(world, client, 'lobby:event', 'lobby.left', () =>
      world.query('delete from lobby_participants where lobby_id = $1 and player_id = $2', [
        lobby.id,
        'Alice',
      ]),
    );
    expect(frame.data).toStrictEqual({
      type: 'lobby.left',
      lobbyId: lobby.id,
      lobbyCode: lobby.code,
      timestamp: frame.data.timestamp,
      payload: {
        lobby: {
          ...lobbyObject(lobby, host),
          participants: [bob, { playerId: host, role: 'host', createdAt: instants[0].wire }],
        },
        playerId: 'Alice',
        participantCount: 2,
      },
    });
  });

  it('sends lobby.deleted alone, with nobody left in it', async () => {
    const host = somebody('host');
    const lobby = await givenLobby(host);
    const client = await world.open(driver, host);
    const frame = await expectEvent(world, client, 'lobby:event', 'lobby.deleted', () =>
      world.query('delete from lobbies where id = $1', [lobby.id]),
    );
    expect(frame.data).toStrictEqual({
      type: 'lobby.deleted',
      lobbyId: lobby.id,
      lobbyCode: lobby.code,
      timestamp: frame.data.timestamp,
      payload: {
        lobby: { ...lobbyObject(lobby, host), participants: [] },
        playerId: null,
        participantCount: 0,
      },
    });
  });

  it('sends null for every column that is null', async () => {
    const player = somebody();
    const lobby = await world.lobby({ created_at: instants[0].sql, updated_at: instants[0].sql });
    const client = await world.open(driver, player);
    const frame = await expectEvent(world, client, 'lobby:event', 'lobby.joined', () =>
      world.insert('lobby_participants', {
        lobby_id: lobby.id,
        player_id: player,
        created_at: instants[0].sql,
      }),
    );
    expect(frame.data.payload.lobby).toStrictEqual({
      id: lobby.id,
      code: lobby.code,
      name: null,
      hostId: null,
      visibility: 'private',
      status: 'open',
      maxPlayers: null,
      createdAt: instants[0].wire,
      updatedAt: instants[0].wire,
      participants: [{ playerId: player, role: 'player', createdAt: instants[0].wire }],
    });
  });
});
