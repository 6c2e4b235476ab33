/** Compares what clients were told with what the log says they had to be told. */
import type pg from 'pg';
import type { StateReader } from '../support/commits.js';
import type { Follower, Told } from '../support/followers.js';
import { account } from './accounts.js';
import { expectedOf, isQuarantined, roomsAt, type Log } from './log.js';
import { epochOf, segmentsOf, seqOf, type Segment } from './segments.js';
import { judgeSubscriptions } from './subscriptions.js';
import type { Journal } from './world.js';

export interface Verdict {
  readonly events: number;
  readonly deliveries: number;
  readonly committed: number;
  /** Entries that could not be built, each told as a gap at its place. */
  readonly quarantined: number;
  lost: number;
  duplicates: number;
  /** Deliveries that went back in the order of the log. */
  disorder: number;
  /** Deliveries whose row had been told of in a later state before. */
  inversions: number;
  /** Events to a client that was not to have them. */
  unauthorised: number;
  /**
   * Committed changes that have not exactly one event and that not every client has read in the state it was told to
   * read, and events of changes that were rolled back.
   */
  unaccounted: number;
  /** Committed changes without an event, that every client was told to read after: of the moments of a failover. */
  read: number;
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

export interface Evidence {
  /** The database's, first to last: of more than one, each later one took the place of the one before. */
  readonly logs: readonly Log[];
  readonly followers: readonly Follower[];
  /** Those that subscribe to this room, whose player is a member of none. */
  readonly subscribers: readonly Follower[];
  readonly openRoom: string;
  readonly journal: Journal;
  /** What each client has read when it was told to. */
  readonly readers: readonly StateReader[];
  /** Of the last database. */
  readonly pool: pg.Pool;
}

const states = "select id, (terms->>'n')::int as n from contracts";

export async function judge(evidence: Evidence): Promise<Verdict> {
  const { logs, followers, subscribers, openRoom, journal } = evidence;
  const everyone = [...followers, ...subscribers];
  const rows = logs.flatMap((log) => log.rows);
  const verdict: Verdict = {
    events: rows.length,
    deliveries: everyone.reduce((sum, { told }) => sum + told.length, 0),
    committed: journal.committed.size,
    quarantined: rows.filter(isQuarantined).length,
    lost: 0,
    duplicates: 0,
    disorder: 0,
    inversions: 0,
    unauthorised: 0,
    unaccounted: 0,
    read: 0,
    gaps: 0,
    stale: 0,
    details: [],
  };
  await account(verdict, evidence);
  const known = new Map(logs.map((log) => [log.epoch, log]));
  const gapsInLog = new Set(
    logs.flatMap((log) => log.rows.filter(isQuarantined).map(({ seq }) => `${log.epoch} ${seq}`)),
  );
  const now = new Map(
    (await evidence.pool.query<{ id: string; n: number }>(states)).rows.map(({ id, n }) => [id, n]),
  );
  for (const follower of everyone) {
    const note = (what: string) => {
      if (verdict.details.length < 50) verdict.details.push(`${follower.name}: ${what}`);
    };
    const segments = segmentsOf(follower, (id) => gapsInLog.has(`${epochOf(id)} ${seqOf(id)}`));
    for (const gap of follower.gaps) {
      if (!gap.startsWith('refused')) continue;
      verdict.gaps++;
      note(gap);
    }
    segments.forEach((segment, index) => {
      const before = segments[index - 1];
      // Only another log is a reason to begin anew.
      if (before && before.epoch === segment.epoch) {
        verdict.gaps++;
        note(`begins anew after ${segment.after}, though the log goes on`);
      }
      const log = known.get(segment.epoch);
      const fromElsewhere = segment.told.filter(({ id }) => epochOf(id) !== segment.epoch);
      if (!log || fromElsewhere.length > 0) {
        verdict.unauthorised++;
        note(`was told of a log that is not the one it follows: ${segment.epoch}`);
        return;
      }
      const apart = subscribers.includes(follower) ? openRoom : undefined;
      judgeSegment(verdict, note, follower.player, segment, log, apart);
      if (segment.last) verdict.stale += stale(segment.told, now);
    });
  }
  for (const follower of subscribers) judgeSubscriptions(verdict, follower, known, gapsInLog, openRoom);
  return verdict;
}

/** @param apart the room whose events are judged elsewhere */
function judgeSegment(
  verdict: Verdict,
  note: (what: string) => void,
  player: string,
  segment: Segment,
  log: Log,
  apart: string | undefined,
): void {
  const ofApart = new Set(log.rows.flatMap(({ room, seq }) => (room === apart ? [seq] : [])));
  const expected = new Set(
    expectedOf(log.rows, player, segment.after, roomsAt(log, player, segment.after)).map(({ seq }) => seq),
  );
  const told = new Set<number>();
  const newest = new Map<string, number>();
  let before = -1;
  for (const { id, data } of segment.told) {
    const seq = seqOf(id);
    if (told.has(seq)) {
      verdict.duplicates++;
      note(`twice ${seq}`);
    } else if (seq < before) {
      verdict.disorder++;
      note(`out of order ${seq}`);
    }
    told.add(seq);
    before = seq;
    if (!expected.has(seq) && !ofApart.has(seq)) {
      verdict.unauthorised++;
      note(`not for it ${seq}`);
    }
    const state = stateOf(data);
    if (state === undefined) continue;
    if (state < (newest.get(data.contractId as string) ?? 0)) verdict.inversions++;
    newest.set(data.contractId as string, state);
  }
  for (const seq of expected) {
    if (told.has(seq) || ofApart.has(seq) || (!segment.last && seq > before)) continue;
    verdict.lost++;
    note(`lost ${seq}`);
  }
}

const stateOf = (data: any): number | undefined => data.payload?.terms?.n as number | undefined;

function stale(told: readonly Told[], now: ReadonlyMap<string, number>): number {
  const newest = new Map<string, number>();
  for (const { data } of told) {
    const state = stateOf(data);
    if (state !== undefined) newest.set(data.contractId as string, state);
  }
  return [...newest].filter(([id, state]) => now.get(id) !== state).length;
}
