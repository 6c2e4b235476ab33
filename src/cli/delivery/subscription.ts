/** Whether a player may have been subscribed to an event's lobby: subscriptions themselves are recorded nowhere. */
import type pg from 'pg';
import type { LobbyTables } from '../../catalog/family.js';
import { ident, qualified } from '../../catalog/sql.js';
import type { EntryFacts } from '../../log/entry.js';
import { isLobbyRoom, lobbyOf } from '../../routing/rooms.js';
import { codeOf } from '../database.js';

const timeoutMs = 5_000;

/** False only when it is known that it could not. */
export async function mayHaveSubscribed(
  client: pg.ClientBase,
  lobbyTables: LobbyTables | undefined,
  { room, seq }: EntryFacts,
  player: string,
): Promise<boolean> {
  if (lobbyTables === undefined || room === null || !isLobbyRoom(room)) return false;
  const { lobbies: l, contracts: c } = lobbyTables;
  const { rows } = await client.query<{ allowed: boolean }>(
    `select l.${ident(l.visibility)} = 'public'
       or exists (select from ${qualified(c.table)} c
         where c.${ident(c.lobby)} = l.${ident(l.id)} and c.${ident(c.mediator)} = $2) as allowed
     from ${qualified(l.table)} l where l.${ident(l.id)}::text = $1`,
    [lobbyOf(room), player],
  );
  // The lobby is gone, and with it what could be asked.
  if (rows[0]?.allowed !== false) return true;
  return rightsHaveChanged(client, room, seq);
}

/** Whatever may have ended a right since is noted in the log. */
async function rightsHaveChanged(client: pg.ClientBase, room: string, seq: number): Promise<boolean> {
  await client.query(`set statement_timeout = ${timeoutMs}`);
  try {
    const { rowCount } = await client.query(
      `select from realtime.log l
       join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
       where l.seq > $1 and e.room = $2 and e.effect = 'rights' limit 1`,
      [seq, room],
    );
    return rowCount !== 0;
  } catch (error) {
    // Too much has happened since to look through: then it is not known.
    if (codeOf(error) === '57014') return true;
    throw error;
  } finally {
    await client.query('reset statement_timeout');
  }
}
