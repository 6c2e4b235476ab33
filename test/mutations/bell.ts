/** The defences of who looks at the log: that it is looked at in time, and that nobody is held up by who stands still. */
import type { Mutation } from './mutation.js';

const connections = 'test/faults/connections.test.ts';
const order = 'test/faults/order.test.ts';
const looks = 'test/integration/log-looks.test.ts';
const standstill = 'test/integration/log-standstill.test.ts';

export const bellMutations: readonly Mutation[] = [
  {
    name: 'hold the bell though nobody has skipped it',
    file: 'migrations/functions/read.sql',
    from: 'if held and skips = counted then',
    to: 'if held and skips < counted then',
    test: looks,
    only: 'rings',
  },
  {
    name: 'hold the bell while another numbers',
    file: 'src/log/feed.ts',
    from: `} else {
      await session.release();`,
    to: `} else {
      await Promise.resolve();`,
    test: looks,
    only: 'leaves the numbering',
  },
  {
    name: 'wait for the bell while another holds it',
    file: 'migrations/functions/read.sql',
    from: 'holds := pg_try_advisory_lock(748177132, hashtext(current_database()));',
    to: 'perform pg_advisory_lock(748177132, hashtext(current_database())); holds := true;',
    test: standstill,
    only: 'to their sweep',
  },
  {
    name: 'leave the bell to a session that nothing is heard of',
    file: 'src/log/session.ts',
    from: 'set idle_session_timeout = ${Math.min(options.silentMs, longestMs)}',
    to: 'set idle_session_timeout = ${Math.min(0, options.silentMs, longestMs)}',
    test: standstill,
    only: 'loses it',
  },
  {
    name: 'let Postgres wait for an instance that takes nothing',
    file: 'src/database/client.ts',
    from: 'tcp_user_timeout = 10000',
    to: 'tcp_user_timeout = 0',
    test: 'test/faults/standstill.test.ts',
  },
  {
    name: 'hold the locks of a migration that stands still',
    file: 'src/database/migrate.ts',
    from: 'idle_in_transaction_session_timeout = ${Math.floor(milliseconds)}',
    to: 'idle_in_transaction_session_timeout = ${Math.floor(milliseconds * 0)}',
    test: 'test/faults/stopped-migration.test.ts',
  },
  {
    name: 'keep others from numbering until all that is new has been taken',
    file: 'migrations/functions/advance.sql',
    from: 'where p.sent <= bytes',
    to: '',
    test: standstill,
    only: 'does not read',
  },
  {
    name: 'keep others from numbering until all of a page has been taken',
    file: 'migrations/functions/advance.sql',
    from: 'exit when bytes < 0;',
    to: '',
    test: standstill,
    only: 'does not read',
  },
  {
    name: 'take what comes with the number for all there is',
    file: 'src/log/feed.ts',
    from: 'mayBeCut(pageSizeOf(followed.entries), followPage) : head > this.position;',
    to: 'mayBeCut(pageSizeOf(followed.entries), followPage) : false;',
    test: looks,
    only: 'read after it',
  },
  {
    name: 'drop the sweep',
    file: 'src/log/pace.ts',
    from: 'Math.min(sweepMs, this.waitMs * 2)',
    to: 'Math.min(1e9, this.waitMs * 1000)',
    test: connections,
    only: 'by its sweep',
  },
  {
    name: 'take no notice of who has skipped the bell',
    file: 'src/log/pace.ts',
    from: 'skipped === null ? found : skipped !== this.skipped',
    to: 'skipped === null && found',
    test: looks,
    only: 'takes long to commit',
  },
  {
    name: 'do not look when the bell rings',
    file: 'src/log/session.ts',
    from: `if (message.channel === 'hashi_bell') this.events.onBell();`,
    to: `if (message.channel === 'hashi_bell') return;`,
    test: order,
    only: 'at once',
  },
];
