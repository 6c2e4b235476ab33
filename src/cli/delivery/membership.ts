/** Whether a player was in an event's room at the event's place in the log. */
import type pg from 'pg';
import { membershipTables, type Catalog } from '../../catalog/index.js';
import { ident, literal, qualified } from '../../catalog/sql.js';
import type { EntryFacts } from '../../log/entry.js';

export interface Membership {
  readonly member: boolean;
  /** What shows it: a join or leave by its number, or today's rows. */
  readonly since: { readonly seq: number; readonly effect: 'join' | 'leave' | 'ended' } | null;
  /** The next join or leave after it. */
  readonly until: { readonly seq: number; readonly effect: 'join' | 'leave' | 'ended' } | null;
}

interface Move {
  readonly seq: number;
  readonly effect: 'join' | 'leave' | 'ended';
}

/** Before what the event itself does, but for the player's own join, which takes effect before it is sent. */
export async function membershipAt(
  client: pg.ClientBase,
  catalog: Catalog,
  entry: EntryFacts,
  player: string,
): Promise<Membership> {
  const { room, seq } = entry;
  if (room === null || room === '*') return { member: false, since: null, until: null };
  const { rows } = await client.query<{ seq: string; effect: Move['effect'] }>(
    'select seq, effect from realtime.moves_of($1, 0) where room = $2 order by seq',
    [player, room],
  );
  const moves = rows.map((move) => ({ seq: Number(move.seq), effect: move.effect }));
  const own = moves.find((move) => move.seq === seq);
  if (own) return { member: true, since: own, until: null };
  const before = moves.findLast((move) => move.seq < seq) ?? null;
  const after = moves.find((move) => move.seq > seq) ?? null;
  if (before) {
    // Membership ends with the lobby, but the room is emptied by the lobby's own event, which follows.
    const member = before.effect === 'join' || (before.effect === 'ended' && entry.effect === 'close');
    return { member, since: before, until: after };
  }
  if (after) return { member: after.effect !== 'join', since: null, until: after };
  return { member: await isMemberNow(client, catalog, room, player), since: null, until: null };
}

/** With no move on record since, today's rows are those of then. */
async function isMemberNow(
  client: pg.ClientBase,
  catalog: Catalog,
  room: string,
  player: string,
): Promise<boolean> {
  for (const table of membershipTables(catalog)) {
    const { rowCount } = await client.query(
      `select from ${qualified(table.table)} p
       where ${literal(`${table.prefix}:`)} || p.${ident(table.room)} = $1 and p.${ident(table.player)}::text = $2`,
      [room, player],
    );
    if (rowCount) return true;
  }
  return false;
}
