/** The names of rooms: Socket.IO's rooms, the log's and the server API's are the same. */

const lobbyPrefix = 'lobby:';

/** The room of a lobby, by its UUID: `io.to(lobbyRoom(id)).emit(…)`. */
export const lobbyRoom = (lobbyId: string): string => `${lobbyPrefix}${lobbyId}`;
/** The room of all connections of one player. */
export const playerRoom = (playerId: string): string => `player:${playerId}`;
export const isLobbyRoom = (room: string): boolean => room.startsWith(lobbyPrefix);
export const lobbyOf = (room: string): string => room.slice(lobbyPrefix.length);
