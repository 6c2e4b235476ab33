/** Compares what clients were told with what the log says they had to be told. */
import type pg from 'pg';
import { parseCursor } from '../../../src/log/position.js';
import type { Follower } from '../support/followers.js';
import type { Journal } from './writers.js';

interface Row {
  readonly seq: number;
  readonly type: string;
  readonly room: string | null;
  readonly player: string | null;
  readonly effect: string | null;
  readonly member: string | null;
  readonly data: string | null;
}

export interface Verdict {
  readonly events: number;
  readonly deliveries: number;
  readonly committed: number;
  lost: number;
  duplicates: number;
  /** Deliveries that went back in the order of the log. */
  disorder: number;
  /** Deliveries whose row had been told of in a later state before. */
  inversions: number;
  /** Events to a client that was not to have them. */
  unauthorised: number;
  /** Committed changes without exactly one event, and events of changes that were rolled back. */
  unaccounted: number;
  /** Clients that were told of a gap, though nothing was out of retention. */
  gaps: number;
  /** Rows of which the last that was told is not what the database holds. */
  stale: number;
  readonly details: string[];
}

export const failures = (verdict: Verdict): number =>
  verdict.lost +
  verdict.duplicates +
  verdict.disorder +
  verdict.inversions +
  verdict.unauthorised +
  verdict.unaccounted +
  verdict.gaps +
  verdict.stale;

/** The whole log; it must fit into memory. */
export async function readLog(pool: pg.Pool): Promise<Row[]> {
  const { rows } = await pool.query<Omit<Row, 'seq'> & { seq: string }>(
    `select l.seq, e.type, e.room, e.player, e.effect, e.member, e.data
     from realtime.log l join realtime.events e on e.id = l.event_id and e.slot = l.event_slot order by l.seq`,
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

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
    if (theirs && row.data !== null && !row.type.startsWith('realtime.')) expected.push(row);
    if (own && row.effect === 'leave') inside.delete(row.room);
    if (row.effect === 'close' && row.room !== null) inside.delete(row.room);
  }
  return expected;
}

const seqOf = (id: string) => parseCursor(id)?.seq ?? -1;

export async function judge(
  pool: pg.Pool,
  followers: readonly Follower[],
  journal: Journal,
): Promise<Verdict> {
  const log = await readLog(pool);
  const verdict: Verdict = {
    events: log.length,
    deliveries: followers.reduce((sum, { told }) => sum + told.length, 0),
    committed: journal.committed.size,
    lost: 0,
    duplicates: 0,
    disorder: 0,
    inversions: 0,
    unauthorised: 0,
    unaccounted: 0,
    gaps: 0,
    stale: 0,
    details: [],
  };
  const marks = new Map<string, number>();
  for (const { type, data } of log) {
    if (type !== 'contract.decision_contested' || data === null) continue;
    const mark = (JSON.parse(data) as { payload: { contestedBy: string } }).payload.contestedBy;
    marks.set(mark, (marks.get(mark) ?? 0) + 1);
  }
  for (const mark of journal.committed) if (marks.get(mark) !== 1) verdict.unaccounted++;
  for (const mark of journal.rolledBack) if (marks.has(mark)) verdict.unaccounted++;
  for (const mark of journal.unknown) if ((marks.get(mark) ?? 0) > 1) verdict.unaccounted++;

  const states = await pool.query<{ id: string; n: number }>(
    `select id, (terms->>'n')::int as n from contracts`,
  );
  for (const follower of followers) {
    const { cursor, lobbies } = await follower.greeting;
    const rooms = lobbies.map(({ lobbyId }) => `lobby:${lobbyId}`);
    const expected = new Set(expectedOf(log, follower.player, seqOf(cursor), rooms).map(({ seq }) => seq));
    const told = new Set<number>();
    const newest = new Map<string, number>();
    let before = -1;
    const note = (what: string, seq: number) => {
      if (verdict.details.length < 50) verdict.details.push(`${follower.name}: ${what} ${seq}`);
    };
    for (const { id, data } of follower.told) {
      const seq = seqOf(id);
      if (told.has(seq)) {
        verdict.duplicates++;
        note('twice', seq);
      } else if (seq < before) {
        verdict.disorder++;
        note('out of order', seq);
      }
      if (!expected.has(seq)) {
        verdict.unauthorised++;
        note('not for it', seq);
      }
      told.add(seq);
      before = seq;
      const state = data.payload?.terms?.n as number | undefined;
      if (state === undefined) continue;
      if (state < (newest.get(data.contractId as string) ?? 0)) verdict.inversions++;
      newest.set(data.contractId as string, state);
    }
    for (const seq of expected) {
      if (told.has(seq)) continue;
      verdict.lost++;
      note('lost', seq);
    }
    for (const { id, n } of states.rows) {
      if (newest.has(id) && newest.get(id) !== n) verdict.stale++;
    }
    verdict.gaps += follower.gaps.length;
    for (const gap of follower.gaps) verdict.details.push(`${follower.name}: ${gap}`);
  }
  return verdict;
}
