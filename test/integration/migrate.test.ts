import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import { connectClient } from '../../src/database/client.js';
import { migrate, pendingSteps, requireUpToDate, type MigrateOptions } from '../../src/database/migrate.js';
import { OperatorError } from '../../src/errors.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let db: TestDatabase;
let clients: pg.Client[];
let roles: string[];

beforeEach(async () => {
  db = await createDatabase();
  clients = [];
  roles = [];
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.end()));
  for (const role of roles) await db.query(`drop owned by ${role} cascade`);
  for (const role of roles) await db.query(`drop role ${role}`);
  await db.drop();
});

const connect = async (url = db.url) => {
  const client = await connectClient({ url, applicationName: 'test' });
  clients.push(client);
  return client;
};
const connectAs = async (role: string) => {
  const url = new URL(db.url);
  url.username = role;
  url.password = 'test';
  return connect(url.href);
};
const newRole = async () => {
  const role = `role_${randomBytes(4).toString('hex')}`;
  await db.query(`create role ${role} login password 'test'`);
  roles.push(role);
  return role;
};
const run = async (client?: pg.Client, options: Partial<MigrateOptions> = {}) =>
  migrate(client ?? (await connect()), { catalog, ...options });
const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OperatorError);
  const { message } = error as Error;
  expect(message).not.toContain('\n');
  return message;
};
const installed = async () =>
  (await db.query(`select count(*)::int from pg_namespace where nspname = 'realtime'`))[0].count > 0;
/** Every version of every object's row in the system's catalogue: DDL changes it. */
const objects = async () =>
  db.query(
    `select 'class' as kind, oid::text, xmin::text from pg_class where oid > 16383 and relkind <> 't'
     union all select 'proc', oid::text, xmin::text from pg_proc where oid > 16383
     union all select 'trigger', oid::text, xmin::text from pg_trigger
     union all select 'schema', oid::text, xmin::text from pg_namespace
     order by 1, 2`,
  );
const businessTables = async () => {
  const text = await readFile(new URL('../../migrations/0000_business_tables.sql', import.meta.url), 'utf8');
  await db.query(text.replaceAll('--> statement-breakpoint', ''));
};

describe('migrate()', () => {
  it('installs everything once when many instances start at once', async () => {
    const migrators = await Promise.all([1, 2, 3, 4, 5, 6].map(() => connect()));
    const steps = await Promise.all(migrators.map((client) => run(client)));
    expect(steps.filter((count) => count > 0)).toHaveLength(1);
    expect(await pendingSteps(await connect(), catalog)).toEqual([]);
    await db.query('insert into contracts default values');
    expect(await db.query('select type from realtime.events')).toEqual([{ type: 'contract.created' }]);
  });

  it('changes nothing in a database that is up to date', async () => {
    const client = await connect();
    await run(client);
    const before = await objects();
    const steps: string[] = [];
    expect(await run(client, { onStep: (step) => void steps.push(step) })).toBe(0);
    expect(steps).toEqual([]);
    expect(await objects()).toEqual(before);
    expect((await client.query('select pg_current_xact_id_if_assigned() as xid')).rows[0].xid).toBeNull();
  });

  it('replaces a function whose text has changed, and touches no trigger for it', async () => {
    await run();
    const triggers = await db.query('select oid, xmin from pg_trigger order by oid');
    await db.query(
      `update realtime.installed set hash = 'old' where name in ('functions/read.sql', 'triggers/public.contracts')`,
    );
    const steps: string[] = [];
    expect(await run(undefined, { onStep: (step) => void steps.push(step) })).toBe(2);
    expect(steps).toEqual(['functions/read.sql', 'triggers/public.contracts']);
    expect(await db.query('select oid, xmin from pg_trigger order by oid')).toEqual(triggers);
  });

  it('lets who may call a function call the one that takes its place', async () => {
    await run();
    const [server, other] = [await newRole(), await newRole()];
    // As they were before they had more parameters, and told more.
    await db.query(`
      drop function realtime.follow(bigint, integer, boolean, boolean, bigint);
      create function realtime.follow(bigint, integer) returns bigint language sql as 'select 1::bigint';
      revoke all on function realtime.follow(bigint, integer) from public;
      grant execute on function realtime.follow(bigint, integer) to ${server};
      drop function realtime.kept();
      create function realtime.kept() returns bigint language sql as 'select 1::bigint';
      revoke all on function realtime.kept() from public;
      grant execute on function realtime.kept() to ${server}, ${other};
      alter table realtime.ticks drop column turned, drop column since;
      delete from realtime.installed where name in ('functions/read.sql', 'functions/kept.sql');
      delete from realtime.migrations where hash in (select hash from realtime.migrations order by at desc, ctid desc limit 2)`);
    expect(await run()).toBe(4);
    const may = await db.query(
      `select has_function_privilege($1, f, 'execute') as server, has_function_privilege($2, f, 'execute') as other,
         exists (select from pg_proc p, aclexplode(p.proacl) g where p.oid = f and g.grantee = 0) as everybody
       from unnest(array['realtime.follow(bigint, integer, boolean, boolean, bigint)', 'realtime.kept()']::regprocedure[]) f`,
      [server, other],
    );
    expect(may).toEqual([
      { server: true, other: false, everybody: false },
      { server: true, other: true, everybody: false },
    ]);
  });

  it('leaves nothing half installed when it is killed in the middle', async () => {
    const client = await connect();
    const { processID } = client as unknown as { processID: number };
    let count = 0;
    const killed = run(client, {
      onStep: () => {
        if (++count === 8) db.query('select pg_terminate_backend($1)', [processID]).catch(() => undefined);
      },
    });
    // It may be through before the kill arrives: then all is there, else nothing is.
    const outcome = await killed.then(
      () => true,
      () => false,
    );
    expect(await installed()).toBe(outcome);
    expect((await db.query(`select to_regclass('public.contracts') is not null as there`))[0].there).toBe(
      outcome,
    );
    await run();
    await requireUpToDate(await connect(), catalog);
  });

  it('leaves nothing behind when a step fails', async () => {
    const client = await connect();
    const message = await refusal(
      run(client, {
        onStep: (step) => {
          if (step.startsWith('triggers/')) throw new Error('out of patience');
        },
      }),
    );
    expect(message).toContain('Nothing was changed');
    expect(await installed()).toBe(false);
    expect(await db.query(`select tablename from pg_tables where schemaname = 'public'`)).toEqual([]);
    expect(await run(client)).toBeGreaterThan(0);
  });
});

describe('a database that has business tables', () => {
  it('keeps them as they are', async () => {
    await businessTables();
    await db.query(`alter table contracts add column theirs int; insert into contracts (theirs) values (7)`);
    const columns = `select table_name, column_name, ordinal_position, data_type from information_schema.columns
                     where table_schema = 'public' order by 1, 3`;
    const before = await db.query(columns);
    await run();
    expect(await db.query(columns)).toEqual(before);
    expect(await db.query('select theirs from contracts')).toEqual([{ theirs: 7 }]);
    await db.query(`update contracts set status = 'initialized'`);
    expect(await db.query('select type from realtime.events')).toEqual([{ type: 'contract.initialized' }]);
  });

  it.each([
    ['a table is missing', 'drop table bounties', /missing the table public\.bounties/],
    ['a column is missing', 'alter table storage drop column kind', /missing public\.storage \(kind\)/],
    [
      'several are missing',
      'drop table storage; alter table lobbies drop column code, drop column name',
      /public\.lobbies \((code, name|name, code)\).*storage|storage.*public\.lobbies/,
    ],
  ])('is refused in one sentence, unchanged, when %s', async (_name, change, sentence) => {
    await businessTables();
    await db.query(change);
    expect(await refusal(run())).toMatch(sentence);
    expect(await installed()).toBe(false);
  });

  it('may own them by another role, which grants SELECT and TRIGGER', async () => {
    const [owner, migrator] = [await newRole(), await newRole()];
    await db.query(
      `grant create on schema public to ${owner}; grant create on database ${db.name} to ${migrator}`,
    );
    await businessTables();
    const tables = await db.query(`select tablename from pg_tables where schemaname = 'public'`);
    for (const { tablename } of tables) await db.query(`alter table ${tablename} owner to ${owner}`);
    const client = await connectAs(migrator);
    expect(await refusal(run(client))).toMatch(
      /may not create triggers on public\.contracts.*GRANT SELECT, TRIGGER/,
    );
    expect(await installed()).toBe(false);
    const asOwner = await connectAs(owner);
    await asOwner.query(`grant select, trigger on all tables in schema public to ${migrator}`);
    expect(await run(client)).toBeGreaterThan(0);
    await asOwner.query('insert into contracts default values');
    expect((await client.query('select type from realtime.events')).rows).toEqual([
      { type: 'contract.created' },
    ]);
    // And the instance's own role can do all that it does when it runs.
    await client.query('select * from realtime.ensure_epoch()');
    expect((await client.query('select realtime.advance() as seq')).rows).toEqual([{ seq: '1' }]);
    await client.query(`select realtime.rotate('1 hour', 10)`);
  });
});

describe('a role without the rights', () => {
  it('is told what to grant: the schema', async () => {
    const client = await connectAs(await newRole());
    expect(await refusal(run(client))).toMatch(
      /may not create the schema "realtime".*GRANT CREATE ON DATABASE/,
    );
  });

  it('is told what to do: tables in public', async () => {
    const role = await newRole();
    await db.query(`grant create on database ${db.name} to ${role}`);
    await db.query('revoke create on schema public from public');
    expect(await refusal(run(await connectAs(role)))).toMatch(
      /permission denied for schema public.*Nothing was changed/,
    );
    expect(await installed()).toBe(false);
  });

  it('is told who owns the schema when that is another', async () => {
    await run();
    await db.query(`update realtime.installed set hash = 'old'`);
    const role = await newRole();
    await db.query(
      `grant usage on schema realtime to ${role}; grant select on all tables in schema realtime to ${role}`,
    );
    expect(await refusal(run(await connectAs(role)))).toMatch(/does not own the schema "realtime"/);
  });
});

describe('a server that will not do', () => {
  /** Answers the first question as another server would. */
  const fake = (row: object) => ({ query: async () => ({ rows: [row] }) }) as unknown as pg.ClientBase;
  const server = {
    version: 'PostgreSQL 18.4 on x86_64',
    number: '180004',
    recovering: false,
    read_only: 'off',
  };

  it.each([
    [
      'too old',
      { ...server, version: 'PostgreSQL 13.9 on x86_64', number: '130009' },
      /PostgreSQL 13\.9, which is too old/,
    ],
    ['not PostgreSQL', { ...server, version: 'CockroachDB CCL v24' }, /not PostgreSQL \(CockroachDB/],
    ['a standby', { ...server, recovering: true }, /read-only/],
    ['read-only', { ...server, read_only: 'on' }, /read-only/],
  ])('is refused in one sentence: %s', async (_name, row, sentence) => {
    expect(await refusal(migrate(fake(row), { catalog }))).toMatch(sentence);
  });

  it('is refused when its sessions are read-only', async () => {
    const client = await connect();
    await client.query('set default_transaction_read_only = on');
    expect(await refusal(run(client))).toMatch(/read-only/);
  });
});

describe('a lock that a service holds on its table', () => {
  it('is waited for in short tries, in which writers go on', async () => {
    await businessTables();
    const holder = await connect();
    const writer = await connect();
    const client = await connect();
    // Conflicts with CREATE TRIGGER, not with writers: a vacuum, or an index being built.
    await holder.query('begin; lock table contracts in share update exclusive mode');
    let tries = 0;
    const migrating = run(client, {
      lockTimeoutMs: 100,
      onStep: (step) => {
        if (step === 'triggers/public.contracts') tries++;
      },
    });
    await writer.query(`set statement_timeout = '3s'`);
    let written = 0;
    while (tries < 3) {
      await writer.query('insert into contracts default values');
      written++;
    }
    expect(written).toBeGreaterThan(0);
    await holder.query('commit');
    expect(await migrating).toBeGreaterThan(0);
    await requireUpToDate(client, catalog);
  });

  it('is told of when it does not end', async () => {
    await businessTables();
    const holder = await connect();
    await holder.query('begin; lock table contracts in access exclusive mode');
    const message = await refusal(run(undefined, { lockTimeoutMs: 20, attempts: 2 }));
    expect(message).toMatch(/lock timeout.*Nothing was changed/);
    await holder.query('rollback');
    expect(await installed()).toBe(false);
  });
});

describe('requireUpToDate()', () => {
  it('names what is missing and how to get it', async () => {
    const client = await connect();
    expect(await refusal(requireUpToDate(client, catalog))).toMatch(/not up to date.*hashi-socket migrate/);
    await run(client);
    await requireUpToDate(client, catalog);
  });
});
