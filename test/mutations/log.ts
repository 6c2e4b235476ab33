/** The defences of the log: what numbers, reads, cuts and keeps it. */
import type { Mutation } from './mutation.js';

const connections = 'test/faults/connections.test.ts';
const restore = 'test/faults/restore.test.ts';
const transactions = 'test/integration/triggers-transactions.test.ts';
const order = 'test/faults/order.test.ts';
const slots = 'test/integration/log-slots.test.ts';

export const logMutations: readonly Mutation[] = [
  {
    name: 'number by "id > last" instead of by snapshot',
    file: 'migrations/functions/advance.sql',
    from: `      where e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
        and e.xid >= began and pg_visible_in_snapshot(e.xid, seen)
      union all
      select e.id, e.xid, e.slot, e.member from unnest(finished) f (xid) join realtime.events e on e.xid = f.xid
      where e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])`,
    to: `      where e.id > coalesce((select max(l.event_id) from realtime.log l), 0) and pg_visible_in_snapshot(e.xid, seen)`,
    test: order,
    only: 'commits late',
  },
  {
    name: 'forget the transactions that were in flight at the last tick',
    file: 'migrations/functions/advance.sql',
    from: 'finished := array(select x from pg_snapshot_xip(last.snapshot) x where pg_visible_in_snapshot(x, seen));',
    to: `finished := '{}';`,
    test: order,
    only: 'commits late',
  },
  {
    name: 'hold everything back behind the oldest open transaction',
    file: 'migrations/functions/advance.sql',
    from: 'and e.xid >= began and pg_visible_in_snapshot(e.xid, seen)',
    to: 'and e.xid >= began and e.xid < pg_snapshot_xmin(seen)',
    test: order,
    only: 'commits late',
  },
  {
    name: 'look for what is new in the newest two slots alone',
    file: 'migrations/functions/advance.sql',
    from: 'else array[0, 1, 2, 3, 4, 5, 6, 7]',
    to: 'else array[this, prior, prior, prior, prior, prior, prior, prior]',
    test: slots,
  },
  {
    name: 'trust what the tick of another slot says of who has written where',
    file: 'migrations/functions/advance.sql',
    from: 'when last.slot = prior then last.turned end',
    to: 'else last.since end',
    test: slots,
  },
  {
    name: 'leave a slot in which nothing was numbered',
    file: 'migrations/functions/rotate.sql',
    from: 'if newest_slot <> this or oldest is null',
    to: 'if oldest is null',
    test: slots,
    only: 'by a crash',
  },
  {
    name: 'take a page with a gap for whole',
    file: 'migrations/functions/read.sql',
    from: 'max(l.seq) = after + count(*)',
    to: 'min(l.seq) = after + 1',
    test: slots,
    only: 'by a crash',
  },
  {
    name: 'take events that were numbered late for events of the newest slots',
    file: 'migrations/functions/read.sql',
    from: ' and bool_and(l.event_slot in (this, prior))',
    to: '',
    test: slots,
  },
  {
    name: 'read before LISTEN, and not after it',
    file: 'src/log/feed.ts',
    from: `    this.options.observer.onUp?.();
    this.wake(0);`,
    to: '    this.options.observer.onUp?.();',
    test: 'test/faults/listening.test.ts',
  },
  {
    name: 'do not check that LISTEN took',
    file: 'src/log/session.ts',
    from: `if (!heard.includes('hashi_bell') || !heard.includes('hashi_log')) {`,
    to: 'if (heard.length > 99) {',
    test: connections,
    only: 'pooler',
  },
  {
    name: 'wait for ever for an answer of the log',
    file: 'src/log/session.ts',
    from: '      query_timeout: options.timeoutMs,\n',
    to: '',
    test: connections,
    only: 'bytes vanish',
  },
  {
    name: 'take a log that was put back for the one it was',
    file: 'src/log/continuity.ts',
    from: 'if (entry?.seq === seq) return at === undefined || entry.at === at;',
    to: 'if (entry?.seq === seq) return at === undefined || entry.at > 0;',
    test: restore,
    only: 'has grown past it',
  },
  {
    name: 'take any entry with the number of a cursor for the one it was given for',
    file: 'src/log/history.ts',
    from: 'if (at !== null && mark !== undefined && markOf(at) !== mark) return false;',
    to: 'if (at !== null && mark !== undefined && markOf(at) === null) return false;',
    test: restore,
    only: 'has grown past it',
  },
  {
    name: 'read on though the log ends before the position',
    file: 'src/log/feed.ts',
    from: 'else if (head < this.position) await this.recognise(session, true);',
    to: 'else if (head < 0) await this.recognise(session, true);',
    test: restore,
    only: 'while its instances are connected',
  },
  {
    name: 'take rows of another log for those of this one',
    file: 'migrations/functions/epoch.sql',
    from: 'select t.seq < coalesce((select max(l.seq) from realtime.log l), t.seq)',
    to: 'select false',
    test: restore,
    only: 'let in',
  },
  {
    name: 'tell rows of a dump as changes of now',
    file: 'src/catalog/triggers.ts',
    from: `if current_setting('row_security') = 'off' and`,
    to: `if current_setting('row_security') = 'never' and`,
    test: restore,
    only: 'no change of now',
  },
  {
    name: 'ring before the commit though the transaction may be prepared',
    file: 'migrations/functions/doorbell.sql',
    from: 'silent := early or query ilike any',
    to: 'silent := query ilike any',
    test: transactions,
    only: 'constraints were made immediate',
  },
  {
    name: 'number under load though another does',
    file: 'migrations/functions/advance.sql',
    from: 'locked := found;',
    to: 'locked := true;',
    test: 'test/integration/log-advance.test.ts',
    only: 'reads on while another numbers',
  },
  {
    name: 'number into a full queue of notifications',
    file: 'migrations/functions/advance.sql',
    from: 'if numbered > 0 and pg_notification_queue_usage() < 0.5 then',
    to: 'if numbered > 0 then',
    test: 'test/faults/queue.test.ts',
  },
  {
    name: 'take each part of a page for its last',
    file: 'src/log/session.ts',
    from: 'take(slice, true);',
    to: 'take(slice, false);',
    test: 'test/integration/log-pages.test.ts',
  },
  {
    name: 'keep the last part of a page',
    file: 'src/log/session.ts',
    from: 'if (slice.length > 0) take(slice, false);',
    to: '',
    test: 'test/integration/log-pages.test.ts',
  },
  {
    name: 'trust that a pooler keeps its backend',
    file: 'src/log/session.ts',
    from: 'if (options.first) await refusePooler(client, options);',
    to: '',
    test: 'test/faults/pgbouncer.test.ts',
    only: 'found at the start',
  },
  {
    name: 'begin at the head after every reconnect',
    file: 'src/log/feed.ts',
    from: `const another = first || renewed || epoch !== this.epoch;`,
    to: `const another = String(first || renewed || epoch) !== '';`,
    test: connections,
    only: 'again and again',
  },
  {
    name: 'read a page whole, however large its entries are',
    file: 'migrations/functions/read.sql',
    from: 'where coalesce(p.before, 0) < 4194304',
    to: 'where coalesce(p.before, 0) >= 0',
    test: 'test/integration/log-advance.test.ts',
    only: 'ends once it is large',
  },
  {
    name: 'pass entries without data when a page is cut for its size: a hole',
    file: 'migrations/functions/read.sql',
    from: `        sum(octet_length(e.data)) over (order by l.seq rows unbounded preceding) - coalesce(octet_length(e.data), 0) as before
      from (
        select * from realtime.log l
        where l.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]) and l.seq > after order by l.seq limit most
      ) l
      join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
        and e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
    ) p`,
    to: `        sum(octet_length(e.data)) over (order by l.seq rows unbounded preceding) - octet_length(e.data) as before
      from (
        select * from realtime.log l
        where l.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]) and l.seq > after order by l.seq limit most
      ) l
      join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
        and e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
    ) p`,
    test: 'test/integration/log-advance.test.ts',
    only: 'ends once it is large',
  },
  {
    name: 'drop no slot while somebody numbers',
    file: 'migrations/functions/rotate.sql',
    from: '  perform 1 from realtime.sequencer for update;',
    to: `  perform 1 from realtime.sequencer for update skip locked;
  if not found then return floor_now; end if;`,
    test: 'test/integration/log-retention.test.ts',
    only: 'gets its turn',
  },
  {
    name: 'count the own delay against who authenticates',
    file: 'src/transports/patience.ts',
    from: 'const looks = 20;',
    to: 'const looks = 1;',
    test: 'test/unit/transports/patience.test.ts',
  },
  {
    name: 'tell a reset of memberships before they have been read again, too',
    file: 'src/routing/router.ts',
    from: "if (entry.effect === 'reset') {",
    to: "if (entry.type === '') {",
    test: 'test/conformance/resync.test.ts',
    only: 'memberships were truncated',
  },
  {
    name: 'send what is for everyone to a client whose reset has not been told',
    file: 'src/routing/admission.ts',
    from: 'this.options.hub.everyone.delete(connection);',
    to: '',
    test: 'test/unit/routing/admission.test.ts',
  },
  {
    name: 'stop at an entry of the log that cannot be read',
    file: 'src/adapter/ordered-entry.ts',
    from: 'if (error instanceof SyntaxError) return null;',
    to: '',
    test: 'test/faults/unreadable.test.ts',
  },
  {
    name: 'pass an entry that cannot be read in silence',
    file: 'src/routing/messages.ts',
    from: 'if (entry.type === adapterType && !isUnreadable(entry)) return null;',
    to: 'if (entry.type === adapterType) return null;',
    test: 'test/faults/unreadable.test.ts',
  },
  {
    name: 'replay a quarantined event by what its row has become',
    file: 'src/cli/quarantine/replay.ts',
    from: 'states[0]?.true[at] === true',
    to: 'at >= 0',
    test: 'test/integration/quarantine.test.ts',
    only: 'has gone on',
  },
  {
    name: 'take an event that still cannot be built for told',
    file: 'src/cli/quarantine/replay.ts',
    from: 'if (broken) return kept',
    to: 'if (broken && rows.length === 0) return kept',
    test: 'test/integration/quarantine.test.ts',
    only: 'once the cause is mended',
  },
];
