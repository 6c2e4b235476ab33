import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalog, familiesByEvent } from '../../../src/catalog/index.js';
import type { LogEntry } from '../../../src/log/entry.js';
import type { Feed } from '../../../src/log/feed.js';
import type { History } from '../../../src/log/history.js';
import { Recent } from '../../../src/log/recent.js';
import type { Memberships } from '../../../src/routing/memberships.js';
import { EntryMessages } from '../../../src/routing/messages.js';
import { Emits } from '../../../src/routing/emits.js';
import { Replay } from '../../../src/routing/replay.js';
import { entry, fakeConnection } from './fakes.js';

const rooms = ['lobby:1', 'lobby:2', 'lobby:3'];

/** A log in memory: the database's side of it, and the newest entries. */
function fakeLog(log: readonly LogEntry[], inMemory: number, floor = 0) {
  const recent = new Recent();
  for (const each of log.slice(log.length - inMemory)) recent.push(each);
  const feed = { epoch: 'e', generation: 1, position: log.length, recent } as unknown as Feed;
  const history = {
    holds: async (seq: number) => seq >= floor,
    page: async (seq: number, most: number, playerId: string, asked: readonly string[]) => {
      const looked = log.slice(seq, seq + most);
      return {
        entries: looked.filter(
          (each) =>
            each.room === '*' ||
            asked.includes(each.room ?? '') ||
            each.player === playerId ||
            each.member === playerId,
        ),
        upTo: looked.at(-1)?.seq ?? seq,
        pruned: floor > seq,
        epoch: 'e',
      };
    },
  } as unknown as History;
  const memberships = {
    movesAfter: async (playerId: string, seq: number) =>
      log.flatMap((each) =>
        each.member === playerId && each.seq > seq && each.room !== null
          ? [
              {
                seq: each.seq,
                room: each.room,
                effect: each.effect === 'join' ? ('join' as const) : ('leave' as const),
              },
            ]
          : [],
      ),
  } as unknown as Memberships;
  const messages = new EntryMessages(familiesByEvent(catalog), 1 << 20, () => undefined);
  const emits = new Emits({
    encode: (data) => [`2${JSON.stringify(data)}`],
    isDuplicate: () => false,
    isOurs: () => false,
  });
  return { feed, replay: new Replay({ feed, history, memberships, messages, emits, unsentBytes: 1000 }) };
}

/** Joins and leaves that alternate for each room, as the database lets them. */
const logs = fc
  .array(
    fc.record({ kind: fc.constantFrom('all', 'room', 'move', 'foreign', 'own'), at: fc.nat({ max: 2 }) }),
    {
      maxLength: 300,
    },
  )
  .map((steps) => {
    const member = new Set<string>();
    return steps.map(({ kind, at }, index): LogEntry => {
      const seq = index + 1;
      const room = rooms[at] ?? '';
      if (kind === 'all') return entry(seq);
      if (kind === 'room') return entry(seq, { type: 'lobby.joined', room, effect: 'join', member: 'you' });
      if (kind === 'foreign') return entry(seq, { type: 'lobby.created', room: 'lobby:9' });
      if (kind === 'own') return entry(seq, { type: 'lobby.created', room: 'lobby:8', player: 'me' });
      const left = member.delete(room);
      if (!left) member.add(room);
      return left
        ? entry(seq, { type: 'lobby.left', room, effect: 'leave', member: 'me' })
        : entry(seq, { type: 'lobby.joined', room, effect: 'join', member: 'me' });
    });
  });

/** What the player was to see after `since`, told by somebody who was there all the time. */
function oracle(log: readonly LogEntry[], since: number) {
  const member = new Set<string>();
  const seen: number[] = [];
  for (const each of log) {
    const room = each.room ?? '';
    if (each.member === 'me' && each.effect === 'join') member.add(room);
    if (each.seq > since && (room === '*' || member.has(room) || each.player === 'me')) seen.push(each.seq);
    if (each.member === 'me' && each.effect === 'leave') member.delete(room);
  }
  return { seen, member };
}

describe('Replay', () => {
  it('sends what somebody who was there would have seen, each once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(logs, fc.nat({ max: 300 }), fc.nat({ max: 300 }), async (log, from, kept) => {
        const since = Math.min(from, log.length);
        const { replay } = fakeLog(log, Math.min(kept, log.length));
        const { seen, member } = oracle(log, since);
        const connection = fakeConnection('me');
        let live: ReadonlySet<string> | undefined;
        expect(await replay.run(connection, since, member, (at) => (live = new Set(at)))).toBe('live');
        expect(connection.wire.texts).toEqual(seen.map((seq) => `"${seq}"`));
        expect(live).toEqual(member);
      }),
      { numRuns: 200 },
    );
  });

  it('waits for a client that does not take what it was sent', async () => {
    const log = Array.from({ length: 200 }, (_entry, index) => entry(index + 1));
    const { replay } = fakeLog(log, 0);
    const connection = fakeConnection('me');
    const write = connection.wire.writeReplay.bind(connection.wire);
    connection.wire.writeReplay = (batch) => {
      connection.wire.unsent = 5000;
      write(batch);
    };
    await replay.run(connection, 0, new Set(), () => undefined);
    expect(connection.wire.texts).toHaveLength(200);
    expect(connection.wire.drains).toBe(connection.wire.writes.length);
    expect(connection.wire.drains).toBeGreaterThan(1);
  });

  it('says so when what it was about to read is gone', async () => {
    const log = Array.from({ length: 20 }, (_entry, index) => entry(index + 1));
    const { replay } = fakeLog(log, 0, 10);
    expect(await replay.possible({ epoch: 'e', seq: 9 })).toBe(false);
    expect(await replay.possible({ epoch: 'e', seq: 10 })).toBe(true);
    let live = false;
    expect(await replay.run(fakeConnection('me'), 5, new Set(), () => (live = true))).toBe('pruned');
    expect(live).toBe(false);
  });

  it('stops when the client is gone, or the log is another', async () => {
    const log = Array.from({ length: 200 }, (_entry, index) => entry(index + 1));
    const gone = fakeConnection('me');
    gone.closed = true;
    expect(await fakeLog(log, 0).replay.run(gone, 0, new Set(), () => undefined)).toBe('closed');

    const { replay, feed } = fakeLog(log, 0);
    const connection = fakeConnection('me');
    connection.wire.writeReplay = () => {
      feed.generation = 2;
    };
    expect(await replay.run(connection, 0, new Set(), () => undefined)).toBe('pruned');
  });
});
