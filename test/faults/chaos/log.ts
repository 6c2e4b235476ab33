/** The log of a run, and what it says a player had to be told. */
import type pg from 'pg';
import { timelineSql } from '../support/commits.js';

export interface Row {
  readonly seq: number;
  readonly type: string;
  readonly room: string | null;
  readonly player: string | null;
  readonly effect: string | null;
  readonly member: string | null;
  readonly data: string | null;
}

/** The log of one database, from its first entry to its last. */
export interface Log {
  readonly epoch: string;
  /** Of the database: a standby that is promoted begins another one. */
  readonly timeline: string;
  readonly rows: readonly Row[];
  /** Each player's rooms at the end of it. */
  readonly rooms: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The whole log; it must fit into memory. */
export async function readLog(pool: Pick<pg.Pool, 'query'>): Promise<Row[]> {
  const { rows } = await pool.query<Omit<Row, 'seq'> & { seq: string }>(
    `select l.seq, e.type, e.room, e.player, e.effect, e.member, e.data
     from realtime.log l join realtime.events e on e.id = l.event_id and e.slot = l.event_slot order by l.seq`,
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** Nobody may write meanwhile. */
export async function readWhole(pool: Pick<pg.Pool, 'query'>): Promise<Log> {
  const { rows: state } = await pool.query<{ epoch: string; timeline: string }>(
    `select epoch, ${timelineSql} as timeline from realtime.state`,
  );
  const { rows: members } = await pool.query<{ player: string; room: string }>(
    `select player_id as player, 'lobby:' || lobby_id as room from lobby_participants`,
  );
  const rooms = new Map<string, Set<string>>();
  for (const { player, room } of members) rooms.set(player, (rooms.get(player) ?? new Set()).add(room));
  const { epoch = '', timeline = '' } = state[0] ?? {};
  return { epoch, timeline, rows: await readLog(pool), rooms };
}

/** An entry that could not be told: its audience is told that, at its place. */
export const isQuarantined = ({ type }: Pick<Row, 'type'>): boolean => type === 'realtime.quarantined';

/** Whether an entry is told to its audience. */
export const isTold = (row: Row): boolean =>
  isQuarantined(row) || (row.data !== null && !row.type.startsWith('realtime.'));

/** What a player has to be told of after a place in the log, by what it was in there. */
export function expectedOf(
  log: readonly Row[],
  player: string,
  after: number,
  rooms: Iterable<string>,
): Row[] {
  const inside = new Set(rooms);
  const expected: Row[] = [];
  for (const row of log) {
    if (row.seq <= after) continue;
    const own = row.member === player && row.room !== null;
    if (own && row.effect === 'join') inside.add(row.room);
    const theirs = row.room === '*' || (row.room !== null && inside.has(row.room)) || row.player === player;
    if (theirs && isTold(row)) expected.push(row);
    if (own && row.effect === 'leave') inside.delete(row.room);
    if (row.effect === 'close' && row.room !== null) inside.delete(row.room);
  }
  return expected;
}

/** A player's rooms at a place in the log: those at its end, with the moves since then undone. */
export function roomsAt({ rows, rooms }: Log, player: string, seq: number): Set<string> {
  const inside = new Set(rooms.get(player));
  for (const { seq: at, member, room, effect } of [...rows].reverse()) {
    if (at <= seq) break;
    if (member !== player || room === null) continue;
    if (effect === 'join') inside.delete(room);
    else if (effect === 'leave') inside.add(room);
  }
  return inside;
}
