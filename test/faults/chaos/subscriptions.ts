/** Clients that subscribe to a lobby and leave it again, all the time, and what they had to be told of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Follower, Mark } from '../support/followers.js';
import { isTold, type Log } from './log.js';
import type { Verdict } from './oracle.js';
import type { Random } from './random.js';
import { epochOf, segmentsOf, seqOf } from './segments.js';

/** Until `running` says no. */
export async function comeAndGo(
  follower: Follower,
  lobby: string,
  random: Random,
  running: () => boolean,
): Promise<void> {
  while (running()) {
    if (await follower.ask('subscribe', lobby)) {
      await sleep(random.between(50, 600));
      await follower.ask('unsubscribe', lobby);
    }
    await sleep(random.between(10, 200));
  }
}

/** Not subscribed, subscribed, or in between: asked for and not answered. */
type State = 'out' | 'in' | 'unsure';

/**
 * Nothing of the room while the client is not subscribed; and everything between what it was told of for everyone
 * right after it had been let in and right before it left.
 */
export function judgeSubscriptions(
  verdict: Verdict,
  follower: Follower,
  logs: ReadonlyMap<string, Log>,
  gapsInLog: ReadonlySet<string>,
  openRoom: string,
): void {
  const note = (what: string) => {
    if (verdict.details.length < 50) verdict.details.push(`${follower.name}: ${what}`);
  };
  const marks = [...follower.marks];
  let state = 'out' as State;
  for (const segment of segmentsOf(follower, (id) => gapsInLog.has(`${epochOf(id)} ${seqOf(id)}`))) {
    const rows = logs.get(segment.epoch)?.rows ?? [];
    const roomOf = new Map(rows.map(({ seq, room }) => [seq, room]));
    const due = rows.filter((row) => row.room === openRoom && isTold(row));
    let span: { from: number; to: number; told: Set<number> } | undefined;
    const close = () => {
      if (!span) return;
      for (const { seq } of due) {
        if (seq <= span.from || seq >= span.to || span.told.has(seq)) continue;
        verdict.lost++;
        note(`lost ${seq} of the lobby it was subscribed to`);
      }
      span = undefined;
    };
    const passMarks = (at: number) => {
      while (marks[0] && marks[0].at <= at) {
        const { what } = marks.shift() as Mark;
        if (what !== 'subscribed') close();
        state = what === 'subscribed' ? 'in' : what === 'asked' || what === 'leaving' ? 'unsure' : 'out';
      }
    };
    // Where a client begins anew on the connection that it has, its subscriptions go on with it.
    segment.told.forEach(({ id }, index) => {
      passMarks(segment.from + index);
      const seq = seqOf(id);
      if (roomOf.get(seq) === openRoom) {
        span?.told.add(seq);
        if (state !== 'out') return;
        verdict.unauthorised++;
        note(`told of ${seq} though it was not subscribed, ${index} after it began at ${segment.after}`);
      } else if (state === 'in') {
        span ??= { from: seq, to: seq, told: new Set() };
        span.to = seq;
      }
    });
    close();
  }
}
