import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Result } from '../../src/cli/checks/check.js';
import { run } from '../../src/cli/program.js';
import { connectClient } from '../../src/database/client.js';
import { ioClient, rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { makeTables } from '../support/renamed.js';
import { startServer, type TestServer } from '../support/server.js';

const suffix = randomBytes(4).toString('hex');
const installer = `hashi_installer_${suffix}`;
const serving = `hashi_server_${suffix}`;
const service = `game_service_${suffix}`;
const owner = `game_owner_${suffix}`;
const password = randomBytes(12).toString('hex');

let database: TestDatabase;
let server: TestServer | undefined;

/** The documented grants, with names of this run's own: roles belong to the whole cluster. */
async function grants(): Promise<string> {
  const text = await readFile(new URL('../../deploy/roles.sql', import.meta.url), 'utf8');
  return text.replaceAll('hashi_installer', installer).replaceAll('hashi_server', serving);
}

function urlOf(role: string): string {
  const url = new URL(database.url);
  url.username = role;
  url.password = password;
  return url.href;
}

beforeAll(async () => {
  database = await createDatabase();
  // The tables are there already, made by somebody else, who owns the database too and is no superuser.
  await makeTables(database);
  await database.query(`create role ${owner} login createrole password '${password}'`);
  await database.query(`alter database ${database.name} owner to ${owner}`);
  for (const { name } of await database.query(
    `select tablename as name from pg_tables where schemaname = 'public'`,
  )) {
    await database.query(`alter table ${name} owner to ${owner}`);
  }
  await database.query(`create role ${service} login password '${password}'`);
  await database.query(`grant select, insert, update, delete on all tables in schema public to ${service}`);
});
afterAll(async () => {
  await server?.stop();
  await database.query(`alter database ${database.name} owner to current_user`);
  for (const role of [installer, serving, service, owner]) {
    await database.query(`drop owned by ${role} cascade`);
  }
  for (const role of [installer, serving, service, owner]) await database.query(`drop role ${role}`);
  await database.drop();
});

async function as<T>(role: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connectClient({ url: urlOf(role), applicationName: role });
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** The command as the installer, beside no configuration. */
async function hashi(...args: string[]) {
  vi.stubEnv('DATABASE_URL', urlOf(installer));
  let out = '';
  let err = '';
  const code = await run(args, { out: (text) => (out += text), err: (text) => (err += text) });
  vi.unstubAllEnvs();
  return { code, out, err };
}

/** Every version of every object: whatever is made, changed or dropped changes it. */
const objects = () =>
  database.query(
    `select 'class' as kind, oid::text, xmin::text from pg_class where oid > 16383 and relkind <> 't'
     union all select 'proc', oid::text, xmin::text from pg_proc where oid > 16383
     union all select 'trigger', oid::text, xmin::text from pg_trigger
     union all select 'schema', oid::text, xmin::text from pg_namespace
     order by 1, 2`,
  );

describe('the documented roles', () => {
  it('install by the SQL that a dry run prints, which is all there is to do', async () => {
    await as(owner, async (client) => client.query(await grants()));
    await database.query(
      `alter role ${installer} password '${password}'; alter role ${serving} password '${password}'`,
    );
    const before = await objects();
    const printed = await hashi('install', '--dry-run');
    expect(printed).toMatchObject({ code: 0, err: '' });
    expect(await objects()).toEqual(before);

    await as(installer, (client) => client.query(printed.out));

    expect(await hashi('install', '--dry-run')).toMatchObject({ out: '-- Everything is installed.\n' });
    expect(await hashi('migrate')).toMatchObject({ code: 0, out: 'The database is up to date.\n' });
    const { results } = JSON.parse((await hashi('doctor', '--json')).out) as { results: Result[] };
    for (const check of ['rights', 'schema', 'columns', 'functions', 'triggers']) {
      expect(results.filter((result) => result.check === check)).toMatchObject([{ status: 'ok' }]);
    }
    const [{ installs }] = await database.query(
      `select pg_has_role('${owner}', '${installer}', 'usage') as installs`,
    );
    expect(installs).toBe(false);
  });

  it('uninstall as the installer, who owns no table, without a trace', async () => {
    const statements = await hashi('uninstall', '--dry-run');
    expect(statements.out).toContain('-- with its triggers on public.contracts\n');
    expect(await hashi('uninstall', '--yes')).toEqual(statements);

    const left = await database.query(
      `select tgname from pg_trigger where not tgisinternal
       union all select nspname from pg_namespace where nspname = 'realtime'`,
    );
    expect(left).toEqual([]);
    await as(service, (client) => client.query('insert into contracts default values'));
    expect((await hashi('install')).err).toMatch(
      /may not create the schema "realtime".*CREATE SCHEMA realtime AUTHORIZATION/,
    );
  });

  it('install as one, serve as another, and let a service write as a third', async () => {
    await as(owner, async (client) => client.query(await grants()));
    expect((await hashi('install')).out).toMatch(/Installed\.\n$/);
    await as(owner, async (client) => client.query(await grants()));

    server = await startServer(urlOf(serving), { MIGRATE_ON_START: 'false' });
    const token = await server.token('p1');
    const raw = rawClient(server, token);
    const io = ioClient(server, token);
    await Promise.all([raw.next('connected'), io.next('connected')]);

    const writer = await connectClient({ url: urlOf(service), applicationName: 'service' });
    const lobby = await writer.query(
      `insert into lobbies (code, host_id) values ('ROLE', 'p1') returning id`,
    );
    await writer.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [
      lobby.rows[0].id,
      'p1',
    ]);
    await writer.query('insert into contracts (lobby_id) values ($1)', [lobby.rows[0].id]);
    for (const type of ['lobby.created', 'lobby.joined', 'contract.created']) {
      await Promise.all([raw.next(type), io.next(type)]);
    }

    // A resume and a subscription need all else that the server may call.
    const back = rawClient(server, token, { since: raw.messages[0]?.data.cursor });
    expect(await back.next('connected')).toMatchObject({ data: { recovered: true } });
    await back.next('contract.created');
    back.send({ type: 'subscribe', data: { lobbyId: 'ROLE' }, id: 1 });
    expect(await back.next()).toMatchObject({ type: 'ack' });
    for (const one of [raw, io, back]) one.close();
    await writer.end();
  });

  it('are told by doctor when row security hides from them what they need', async () => {
    const check = async () => {
      const { results } = JSON.parse((await hashi('doctor', '--json')).out) as { results: Result[] };
      return results.filter(({ check: name }) => name === 'row security');
    };
    expect(await check()).toMatchObject([{ status: 'ok' }]);
    const asOwner = (sql: string) => as(owner, (client) => client.query(sql));
    await asOwner('alter table lobbies enable row level security');
    const hidden = await check();
    expect(hidden).toMatchObject([{ status: 'failed' }, { status: 'failed' }]);
    for (const [at, role] of [installer, serving].entries()) {
      expect(hidden[at]?.detail).toContain(
        `Row security hides every row of public.lobbies from role "${role}"`,
      );
    }
    await asOwner(`create policy own on lobbies using (host_id = current_user)`);
    expect(await check()).toMatchObject([{ status: 'warning' }, { status: 'warning' }]);
    // What the check says, as it says it.
    await asOwner(/create policy .*/.exec(hidden[0]?.fix ?? '')?.[0] ?? '');
    const seen = async (role: string) => (await as(role, (one) => one.query('select from lobbies'))).rowCount;
    expect([await seen(service), await seen(installer)]).toEqual([0, 1]);
    await asOwner('alter table lobbies disable row level security');
    expect(await check()).toMatchObject([{ status: 'ok' }]);
  });

  it.each([
    ['the server', () => serving, 'insert into public.contracts default values'],
    ['the server', () => serving, 'select terms from public.contracts'],
    ['the server', () => serving, 'select * from realtime.events'],
    ['the server', () => serving, 'delete from realtime.log'],
    ['the server', () => serving, 'create table realtime.more (id int)'],
    ['a service', () => service, 'select * from realtime.log'],
    ['a service', () => service, 'select realtime.advance()'],
    [
      'a service',
      () => service,
      `insert into realtime.events (type, occurred_at) values ('contract.created', now())`,
    ],
    ['the installer', () => installer, 'delete from public.contracts'],
  ])('keep %s from more (%#)', async (_who, role, sql) => {
    const client = await connectClient({ url: urlOf(role()), applicationName: 'denied' });
    await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });
});
