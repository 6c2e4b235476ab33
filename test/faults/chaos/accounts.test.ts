/** What the oracle of the chaos runs lets pass around a failover, and what not. */
import { expect, it } from 'vitest';
import type { Reading, StateReader } from '../support/commits.js';
import { account } from './accounts.js';
import type { Log } from './log.js';
import type { Evidence, Verdict } from './oracle.js';
import { newJournal, type Answered } from './world.js';

const log = (epoch: string, timeline: string, marks: readonly string[] = []): Log => ({
  epoch,
  timeline,
  rooms: new Map(),
  rows: marks.map((mark, at) => ({
    seq: at + 1,
    type: 'contract.decision_contested',
    room: '*',
    player: null,
    effect: null,
    member: null,
    data: JSON.stringify({ payload: { contestedBy: mark } }),
  })),
});
/** Told at 100 that the second log has begun; the snapshot sees everything before 50 but for 40. */
const begun: Reading = { toldAt: 100, epoch: 'second', timeline: '2', snapshot: '30:50:40' };

async function judged(
  commit: Partial<Answered>,
  {
    first = [],
    second = [],
    readings = [[begun], [begun]],
  }: Partial<{
    first: string[];
    second: string[];
    readings: Reading[][];
  }>,
) {
  const journal = newJournal();
  journal.committed.set('mark', { askedAt: 90, xid: 45n, timeline: '2', ...commit });
  const verdict = { unaccounted: 0, read: 0, details: [] as string[] } as unknown as Verdict;
  await account(verdict, {
    logs: [log('first', '1', first), log('second', '2', second)],
    journal,
    readers: readings.map((all) => ({ all: async () => all }) as StateReader),
  } as unknown as Evidence);
  return { unaccounted: verdict.unaccounted, read: verdict.read };
}

const fine = { unaccounted: 0, read: 0 };
const read = { unaccounted: 0, read: 1 };
const lost = { unaccounted: 1, read: 0 };
const mark = ['mark'];

it.each([
  ['it has its event', {}, { second: mark }, fine],
  ['it has its event in the log of the database that died', { timeline: '1' }, { first: mark }, fine],
  ['everyone was told to read after it, and saw it', {}, {}, read],
  ['it was prepared, and both have committed it', { prepared: true }, { first: mark, second: mark }, fine],
  ['it has two events', {}, { second: ['mark', 'mark'] }, lost],
  ['it has an event in the log of another database', {}, { first: mark, second: mark }, lost],
  ['it was asked for after a client was told', { askedAt: 110 }, {}, lost],
  ['it was open when a client read', { xid: 40n }, {}, lost],
  ['it had not begun when a client read', { xid: 50n }, {}, lost],
  ['one client was not told', {}, { readings: [[begun], []] }, lost],
  ['a client was told later, in the same log', {}, { readings: [[{ ...begun, toldAt: 80 }, begun]] }, lost],
  ['a client was told of the log before', {}, { readings: [[{ ...begun, epoch: 'first' }]] }, lost],
  ['the database that died has answered', { timeline: '1' }, {}, lost],
])('judges a commit rightly when %s', async (_when, commit, evidence, verdict) => {
  expect(await judged(commit, evidence)).toEqual(verdict);
});
