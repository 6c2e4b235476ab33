/** Which messages are shown: by type, lobby, player, and any text in them; all that are given must fit. */

/** The word to filter by: an event's own type, `contract.created`, else the envelope's. */
export function typeOf({ type, data }) {
  return type.endsWith(':event') && typeof data?.type === 'string' ? data.type : type;
}

/** The lobby's id and code, wherever the family keeps them. */
export function lobbiesOf({ data = {} }) {
  const { payload } = data;
  const inside = payload?.lobby ?? payload?.storage ?? payload;
  return [data.lobbyId, data.lobbyCode, inside?.lobbyId, inside?.lobbyCode, inside?.code].filter(isText);
}

/** The players a message is about; who merely takes part in the lobby is not one of them. */
export function playersOf({ type, data = {} }) {
  const { payload } = data;
  const named = [data.playerId, payload?.playerId];
  if (type === 'contract:event') {
    named.push(
      payload?.mediatorId,
      payload?.contestedBy,
      ...(payload?.players ?? []).map((one) => one.playerId),
    );
  }
  if (type === 'bounty:event') named.push(payload?.createdBy, payload?.claimedBy);
  if (data.type === 'lobby.created') named.push(payload?.lobby?.hostId);
  return named.filter(isText);
}

const isText = (value) => typeof value === 'string';

/**
 * @param {{type?: string, lobby?: string, player?: string, text?: string}} wanted
 * @returns {(message: object) => boolean}
 */
export function filterOf(wanted) {
  const [type, lobby, player, text] = ['type', 'lobby', 'player', 'text'].map((name) =>
    (wanted[name] ?? '').trim().toLowerCase(),
  );
  const has = (values, part) => values.some((value) => value.toLowerCase().includes(part));
  return (message) =>
    (type === '' || has([typeOf(message), message.type], type)) &&
    (lobby === '' || has(lobbiesOf(message), lobby)) &&
    (player === '' || has(playersOf(message), player)) &&
    (text === '' || JSON.stringify(message).toLowerCase().includes(text));
}
