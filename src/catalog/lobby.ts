/** Lobby events: the lobby's room sees them, and joins and leaves move its players in and out of the room. */
import { contracts, lobbies, lobbyParticipants } from '../database/schema.js';
import {
  changed,
  column,
  columns,
  count,
  deleted,
  inserted,
  list,
  object,
  room,
  tableRef,
} from './define.js';
import { family, related, watchRights, type LobbyTables } from './family.js';

const participants = { by: 'lobbyId', player: 'playerId' } as const;
const ofLobby = { of: lobbies, key: 'id', table: lobbyParticipants, by: 'lobbyId' } as const;

/** `lobby:event`: created, joined, left, deleted; the payload is `{lobby, playerId, participantCount}`. */
export const lobby = family('lobby:event', {
  table: lobbies,
  keys: { lobbyId: column(lobbies, 'id'), lobbyCode: column(lobbies, 'code') },
  audience: room('lobby', lobbies, 'id'),
  events: {
    // Nobody can be in the room yet: the host is told at its own connections.
    'lobby.created': { transition: inserted(), alsoPlayer: 'host_id' },
    'lobby.joined': related(lobbyParticipants, participants, inserted(), 'join'),
    'lobby.left': related(lobbyParticipants, participants, deleted(), 'leave'),
    'lobby.deleted': { transition: deleted(), effect: 'close' },
  },
  payload: object({
    lobby: object({
      ...columns(
        lobbies,
        'id',
        'code',
        'name',
        'hostId',
        'visibility',
        'status',
        'maxPlayers',
        'createdAt',
        'updatedAt',
      ),
      participants: list({
        ...ofLobby,
        orderBy: 'playerId',
        fields: columns(lobbyParticipants, 'playerId', 'role', 'createdAt'),
      }),
    }),
    playerId: changed(lobbyParticipants, 'playerId'),
    participantCount: count(ofLobby),
  }),
});

/** A subscription's right rests on these: a public lobby, or being the mediator of one of its contracts. */
export const subscriptionRights = [
  watchRights(lobbies, { room: 'id', columns: ['visibility'] }),
  watchRights(contracts, { room: 'lobbyId', columns: ['lobbyId', 'mediatorId'], holder: 'mediatorId' }),
];

/** What memberships and the rights to subscribe are read from. */
export const lobbyTables: LobbyTables = {
  lobbies: { table: tableRef(lobbies), id: 'id', code: 'code', visibility: 'visibility' },
  participants: {
    table: tableRef(lobbyParticipants),
    lobby: 'lobby_id',
    player: 'player_id',
    joinedAt: 'created_at',
  },
  contracts: { table: tableRef(contracts), lobby: 'lobby_id', mediator: 'mediator_id' },
};
