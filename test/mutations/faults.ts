/** The defences against what instances, clients and tables go through, each with a change that takes it away. */
import type { Mutation } from './mutations.js';

const resumeRaw = 'test/integration/resume-raw.test.ts';
const recovery = 'test/integration/recovery-again.test.ts';
const quarantine = 'test/integration/triggers-quarantine.test.ts';
const drain = 'test/conformance/drain.test.ts';
const emits = 'test/api/emits.test.ts';
const admission = 'test/api/emits-admission.test.ts';
const promotions = 'test/faults/promotions.test.ts';
const adapters = 'test/adapter/instances.test.ts';
const pruned = 'test/faults/pruned.test.ts';

export const faultMutations: readonly Mutation[] = [
  {
    name: 'faults: raise the error of an event that cannot be built again',
    file: 'src/catalog/triggers.ts',
    from: '`      perform realtime.quarantine(`,',
    to: '`      raise;`, `      perform realtime.quarantine(`,',
    test: quarantine,
    only: 'a renamed column|holds nothing of the row',
  },
  {
    name: 'faults: end without telling clients',
    file: 'src/transports/drain.ts',
    from: `connection.fail('SERVER_RESTARTING');`,
    to: 'connection.wire.close(1012);',
    test: drain,
  },
  {
    name: 'faults: say ready while draining',
    file: 'src/server.ts',
    from: 'draining = true;',
    to: 'draining = false;',
    test: drain,
  },
  {
    name: 'faults: skip the first entry of a page that comes with the number',
    file: 'migrations/functions/read.sql',
    from: 'return query select * from realtime.read(after, most);',
    to: 'return query select * from realtime.read(after + 1, most);',
    test: 'test/faults/order.test.ts',
    only: 'commits late',
  },
  {
    name: 'faults: pass a hole at the beginning of a page',
    file: 'src/log/feed.ts',
    from: 'const gap = last.seq - this.position !== entries.length;',
    to: 'const gap = last.seq < this.position;',
    test: pruned,
  },
  {
    name: 'faults: replay a page to its end though a room was joined in it',
    file: 'src/routing/replay.ts',
    from: 'at = sent.stoppedAt ?? Math.min(page.upTo, feed.position);',
    to: 'at = Math.min(page.upTo, feed.position);',
    test: resumeRaw,
    only: 'rooms as they were',
  },
  {
    name: 'faults: forget what was sent to a client that was not live yet',
    file: 'src/routing/admission.ts',
    from: 'for (const { message } of held) connection.send(message(feed.cursor));',
    to: '',
    test: emits,
    only: 'before the client is live',
  },
  {
    name: 'faults: send what was held for a client again when it is live',
    file: 'src/routing/admission.ts',
    from: '    connection.held = [];\n',
    to: '',
    test: admission,
  },
  {
    name: 'faults: hold for a client that resumes what it is replayed',
    file: 'src/transports/adapter.ts',
    from: 'if (connection.resumes && seq !== undefined && rooms.size === 0) return;',
    to: '',
    test: admission,
    only: 'long replay',
  },
  {
    name: 'faults: replay what is held as well, and send it twice',
    file: 'src/routing/replay.ts',
    from: 'connection.held = connection.held.filter(({ seq }) => seq !== entry.seq);',
    to: '',
    test: admission,
    only: 'long replay',
  },
  {
    name: 'faults: leave what is held out of the replay that passes its place',
    file: 'src/routing/replay.ts',
    from: ' || connection.held.some(({ seq }) => seq === entry.seq)',
    to: '',
    test: admission,
    only: 'long replay',
  },
  {
    name: 'faults: write what may have been written already without looking',
    file: 'src/adapter/outbox.ts',
    from: 'this.options.advance(() => this.flush());',
    to: 'this.flush();',
    test: adapters,
    only: 'cannot know',
  },
  {
    name: 'faults: take what was written a second time for something else',
    file: 'src/adapter/process.ts',
    from: 'if (!this.seen.first(origin, n, seq)) return;',
    to: 'this.seen.first(origin, n, seq);',
    test: adapters,
    only: 'given up',
  },
  {
    name: 'faults: deliver again from the log what was not held up any longer',
    file: 'src/adapter/process.ts',
    from: 'if (origin === this.id && !this.outbox.arrived(n)) return;',
    to: 'if (origin === this.id) this.outbox.arrived(n);',
    test: 'test/adapter/frozen.test.ts',
  },
  {
    name: 'faults: acknowledge the end of a subscription before what is due has been written',
    file: 'src/routing/subscriptions.ts',
    from: '    this.options.flush();\n',
    to: '',
    test: 'test/faults/subscriptions.test.ts',
  },
  {
    name: 'faults: find the timeline by the last checkpoint, which is late after a promotion',
    file: 'migrations/functions/epoch.sql',
    from: 'substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), d.oid)\n  into identity\n  from pg_control_system() s,',
    to: 'c.timeline_id, d.oid)\n  into identity\n  from pg_control_system() s, pg_control_checkpoint() c,',
    test: promotions,
  },
  {
    name: 'faults: refuse a session of an epoch that this instance has not found yet',
    file: 'src/transports/adapter-process.ts',
    from: 'position !== null &&\n      (feed',
    to: 'position?.epoch === feed.epoch &&\n      (feed',
    test: promotions,
    only: 'one instance',
  },
  {
    name: 'faults: pass over what changes a right while it is read',
    file: 'src/routing/subscriptions.ts',
    from: 'if (connection.closed) return null;\n    if (!found',
    to: 'if (connection.closed) return null;\n    pending.changed.clear();\n    if (!found',
    test: 'test/faults/subscriptions.test.ts',
  },
  {
    name: 'faults: use a right that was read before the database was replaced',
    file: 'src/realtime.ts',
    from: '          subscriptions.roomChanged(null);\n',
    to: '',
    test: 'test/faults/lapsed-right.test.ts',
  },
  {
    name: 'faults: resume in another log from a place in the one before',
    file: 'src/routing/admission.ts',
    from: 'feed.generation === generation;',
    to: 'generation >= 0;',
    test: 'test/unit/routing/admission.test.ts',
  },
  {
    name: 'faults: end subscriptions in silence when memberships are read again',
    file: 'src/routing/router.ts',
    from: 'for (const room of connection.subscriptions) connection.lapsed.add(room);',
    to: '',
    test: 'test/conformance/resync.test.ts',
    only: 'subscriptions that may go on',
  },
  {
    name: 'faults: take up a subscription again that has been given up meanwhile',
    file: 'src/routing/subscriptions.ts',
    from: '    connection.lapsed.delete(room);\n',
    to: '',
    test: 'test/faults/subscriptions.test.ts',
  },
  {
    name: 'faults: check the token of a client that recovers only the first time',
    file: 'src/transports/socketio.ts',
    from: 'skipMiddlewares: false',
    to: 'skipMiddlewares: true',
    test: recovery,
    only: 'token checked at every recovery',
  },
  {
    name: 'faults: judge the age of a place by the events alone, not by when they were numbered',
    file: 'migrations/functions/kept.sql',
    from: 'order by t.tick limit 1) > clock_timestamp() - retention, true)',
    to: 'order by t.tick limit 1) > clock_timestamp() - 2 * retention, true)',
    test: recovery,
    only: 'not past retention',
  },
];
