/** The defences on the way from the log to a client: memberships, replays, sessions that are taken up. */
import type { Mutation } from './mutation.js';

const resumeRaw = 'test/integration/resume-raw.test.ts';
const resumeIo = 'test/integration/resume-socketio.test.ts';
const churn = 'test/faults/churn/churn.test.ts';

export const deliveryMutations: readonly Mutation[] = [
  {
    name: 'skip the moves that passed while memberships were read',
    file: 'src/routing/admission.ts',
    from: `    if (effect === 'join') rooms.add(room);
    else rooms.delete(room);`,
    to: '    if (effect === null) rooms.add(room);',
    test: churn,
    only: 'come and go',
  },
  {
    name: 'go live without waiting for a place in the log',
    file: 'src/routing/admission.ts',
    from: '        this.options.feed.atBarrier(() => {\n          if (connection.closed) return resolve(true);',
    to: '        queueMicrotask(() => {\n          if (connection.closed) return resolve(true);',
    test: churn,
    only: 'come and go',
  },
  {
    name: 'take a subscription for granted though the right has changed',
    file: 'src/routing/subscriptions.ts',
    from: 'if (pending.allChanged || pending.changed.has(room)) return resolve(false);',
    to: '',
    test: 'test/faults/subscriptions.test.ts',
  },
  {
    name: 'leave players in the room they have left',
    file: 'src/routing/router.ts',
    from: 'if (connection.live) this.evict(connection, room);',
    to: 'if (connection.live) continue;',
    test: churn,
    only: 'come and go',
  },
  {
    name: 'go live before the end of the replay: a hole at the seam',
    file: 'src/routing/replay.ts',
    from: `        const sent = this.send(connection, rest, rooms, isFor);`,
    to: `        const sent = this.send(connection, rest.slice(0, -1), rooms, isFor);`,
    test: resumeRaw,
    only: 'at the seam|since an id',
  },
  {
    name: 'replay one that is known: a repeat at the seam',
    file: 'src/routing/replay.ts',
    from: 'feed.recent.after(at, largestRest)',
    to: 'feed.recent.after(at - 1, largestRest)',
    test: resumeRaw,
    only: 'at the seam|since an id',
  },
  {
    name: 'replay by the rooms of today',
    file: 'src/routing/replay.ts',
    from: '    for (const [room, effect] of first) {',
    to: '    for (const [room, effect] of [...first].slice(0, 0)) {',
    test: resumeRaw,
    only: 'rooms as they were',
  },
  {
    name: 'replay without waiting for the client',
    file: 'src/routing/replay.ts',
    from: 'if (connection.wire.unsentBytes() > this.options.unsentBytes) await connection.wire.drained();',
    to: '',
    test: resumeRaw,
    only: 'pruned while',
  },
  {
    name: 'go on with the old epoch after a gap',
    file: 'src/log/feed.ts',
    from: `      this.suspect = true;
      this.options.observer.onGap(prunedReason);
    }
    this.options.observer.onEntries`,
    to: `      this.options.observer.onGap(prunedReason);
    }
    this.options.observer.onEntries`,
    test: 'test/faults/another-log.test.ts',
  },
  {
    name: 'recover by a log that has taken the place of the own one, with the adapter',
    file: 'src/adapter/restore.ts',
    from: 'if (log?.epoch !== feed.epoch) return false;',
    to: 'if (log === undefined) return false;',
    test: 'test/adapter/another-log.test.ts',
  },
  {
    name: 'replay what a log holds that has taken the place of the own one',
    file: 'src/routing/replay.ts',
    from: ' || page.epoch !== epoch',
    to: '',
    test: 'test/faults/another-log.test.ts',
  },
  {
    name: 'do not notice that a page was pruned',
    file: 'src/log/history.ts',
    from: 'pruned: floor > seq,',
    to: 'pruned: false,',
    test: resumeRaw,
    only: 'pruned while',
  },
  {
    name: 'take a cursor of another epoch',
    file: 'src/routing/admission.ts',
    from: 'position.epoch === feed.epoch &&',
    to: '',
    test: resumeRaw,
    only: 'another epoch',
  },
  {
    name: 'promise what is beyond retention',
    file: 'src/log/history.ts',
    from: 'return holds;',
    to: 'return holds !== null;',
    test: resumeRaw,
    only: 'HASHI_RETENTION_EVENTS',
  },
  {
    name: 'skip the middlewares for a client that recovers',
    file: 'src/transports/socketio.ts',
    from: 'skipMiddlewares: false',
    to: 'skipMiddlewares: true',
    test: resumeIo,
    only: 'token checked again',
  },
  {
    name: 'take up a session whoever asks for it',
    file: 'src/transports/session-id.ts',
    from: 'return given.length === expected.length && timingSafeEqual(given, expected);',
    to: 'return given.length > 0 || timingSafeEqual(given, expected);',
    test: resumeIo,
    only: 'another player',
  },
  {
    name: 'give a socket the id of its session before it is let in',
    file: 'src/transports/adapter.ts',
    from: 'sid: newSessionId(), ',
    to: '',
    test: resumeIo,
    only: 'another player',
  },
  {
    name: 'greet without an offset',
    file: 'src/routing/admission.ts',
    from: `connection.wire.transport === 'socketio' ? cursor : undefined`,
    to: 'undefined',
    test: resumeIo,
    only: 'not received any event',
  },
];
