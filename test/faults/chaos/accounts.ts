/** Whether every change that was committed is accounted for: by its event, or by what clients were told to read. */
import { beginning, known } from '../support/commits.js';
import type { Log } from './log.js';
import type { Evidence, Verdict } from './oracle.js';

type Counts = ReadonlyMap<string, number>;

/** How often each mark is in the events of a log. */
function countsOf({ rows }: Log): { readonly marks: Counts; readonly files: Counts } {
  const marks = new Map<string, number>();
  const files = new Map<string, number>();
  const add = (counts: Map<string, number>, mark: string) =>
    void counts.set(mark, (counts.get(mark) ?? 0) + 1);
  for (const { type, data } of rows) {
    if (data === null) continue;
    if (type === 'contract.decision_contested') {
      add(marks, (JSON.parse(data) as { payload: { contestedBy: string } }).payload.contestedBy);
    } else if (type === 'storage.external_url_created') {
      add(files, (JSON.parse(data) as { payload: { storage: { url: string } } }).payload.storage.url);
    }
  }
  return { marks, files };
}

/**
 * Each change that was committed is in the log of the database that said so, once, and none that was rolled back is in
 * any. Only a commit in the moments in which a standby has taken over and no instance has noticed has no event: it is
 * before the beginning of the new log, and everyone has to read it in the state that it begins with.
 */
export async function account(verdict: Verdict, evidence: Evidence): Promise<void> {
  const { logs, journal } = evidence;
  const readings = await Promise.all(evidence.readers.map((reader) => reader.all()));
  const counted = logs.map((log) => ({ log, ...countsOf(log) }));
  const countsIn = (mark: string, fits: (log: Log) => boolean) =>
    (journal.files.has(mark) ? (['marks', 'files'] as const) : (['marks'] as const)).map((which) =>
      counted.reduce((sum, one) => sum + (fits(one.log) ? (one[which].get(mark) ?? 0) : 0), 0),
    );
  const complain = (mark: string, what: string) => {
    verdict.unaccounted++;
    if (verdict.details.length < 50) verdict.details.push(`${mark} ${what}`);
  };
  for (const [mark, commit] of journal.committed) {
    const own = logs.find(({ timeline }) => timeline === commit.timeline);
    const counts = countsIn(mark, (log) => log === own);
    const elsewhere = countsIn(mark, (log) => log !== own);
    const isKnown = () =>
      own !== undefined && own !== logs[0] && readings.every((all) => known(commit, beginning(all, own)));
    if (elsewhere.some((count) => count > (commit.prepared === true ? 1 : 0))) {
      complain(mark, `has ${elsewhere.join(' and ')} events in the log of another database`);
    } else if (counts.every((count) => count === 0) && isKnown()) {
      verdict.read++;
    } else if (counts.some((count) => count !== 1)) {
      complain(mark, `has ${counts.join(' and ')} events`);
    }
  }
  const check = (mark: string, most: number) => {
    const counts = countsIn(mark, () => true);
    if (counts.some((count) => count > most)) complain(mark, `has ${counts.join(' and ')} events`);
  };
  for (const mark of journal.rolledBack) check(mark, 0);
  for (const mark of journal.unknown) check(mark, 1);
}
