/** What another role of the database may: each defence with a change that takes it away. */
import type { Mutation } from './mutation.js';

const role = 'test/hostile/database-role.test.ts';
const paths = 'test/hostile/search-path.test.ts';
const security = 'test/integration/triggers-security.test.ts';
const quarantine = 'test/integration/triggers-quarantine.test.ts';

export const roleMutations: readonly Mutation[] = [
  {
    name: 'hostile: believe whoever says that others number',
    file: 'src/log/others.ts',
    from: '    this.claimed = true;\n',
    to: '    this.claimed = true;\n    this.numbered();\n',
    test: role,
    only: 'all the time',
  },
  {
    name: 'hostile: let PUBLIC speak for the adapter',
    file: 'migrations/functions/adapter.sql',
    from: 'revoke all on function realtime.adapter_append(text[], text[]) from public;',
    to: '',
    test: role,
    only: 'no function that PUBLIC may call',
  },
  {
    name: 'hostile: let PUBLIC tell everyone to read again',
    file: 'migrations/functions/resync.sql',
    from: 'revoke all on function realtime.resync() from public;',
    to: '',
    test: role,
    only: 'no function that PUBLIC may call',
  },
  {
    name: 'hostile: let PUBLIC read the log',
    file: 'migrations/functions/read.sql',
    from: 'revoke all on function realtime.read(bigint, integer) from public;',
    to: '',
    test: role,
    only: 'no function that PUBLIC may call',
  },
  {
    name: 'hostile: resolve our own names by the search path of our role',
    file: 'src/database/client.ts',
    from: `'set search_path = pg_catalog, pg_temp'`,
    to: `'set search_path to default'`,
    test: paths,
  },
  {
    name: 'hostile: let the adapter call what anybody has put into public',
    file: 'src/adapter/notices.ts',
    from: 'pg_catalog.unnest',
    to: 'unnest',
    test: paths,
    only: 'between instances',
  },
  {
    name: 'hostile: resolve the names of a trigger by the search path of who writes',
    file: 'src/catalog/triggers.ts',
    from: `language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set jit = off`,
    to: `language plpgsql security definer
set enable_seqscan = off set jit = off`,
    test: role,
    only: 'pins the search path|objects in the way',
  },
  {
    name: 'hostile: let triggers write as who fires them',
    file: 'src/catalog/triggers.ts',
    from: `language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set jit = off`,
    to: `language plpgsql
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set jit = off`,
    test: security,
    only: 'makes events, without a right',
  },
  {
    name: 'hostile: wait for the lock of the bell',
    file: 'migrations/functions/doorbell.sql',
    from: 'and (early is true or pg_try_advisory_xact_lock(748177132, hashtext(current_database())))',
    to: 'and (early is true or pg_advisory_xact_lock(748177132, hashtext(current_database())) is not null)',
    test: role,
    only: 'holds advisory locks',
  },
  {
    name: 'hostile: fail the writes of a service whose column is gone',
    file: 'src/catalog/triggers.ts',
    from: 'when data_exception or syntax_error_or_access_rule_violation or internal_error`',
    to: 'when data_exception or internal_error`',
    test: quarantine,
  },
];
