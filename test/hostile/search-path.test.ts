/**
 * A role that may create objects in `public`, as every role may up to Postgres 14: functions and operators of its own that
 * fit a call better than the built-in ones would run with the rights of whoever calls them. Nothing of ours does.
 */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/program.js';
import { connectClient } from '../../src/database/client.js';
import { drivers } from '../conformance/drivers.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { ioClient, rawClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { Honest } from './observe.js';

const role = `planter_${randomBytes(5).toString('hex')}`;
const password = randomBytes(16).toString('hex');

let database: TestDatabase;
let server: TestServer;
let planter: pg.Client;

/** Whoever runs one of these leaves a note. Each is an exact match where the built-in one takes any type. */
const traps: readonly [signature: string, returns: string][] = [
  ['unnest(bigint[])', 'setof bigint'],
  ['unnest(text[])', 'setof text'],
  ['format(text, text)', 'text'],
  ['format(text, text, text)', 'text'],
  ['format(text, text, text, text)', 'text'],
  ['format(text, name)', 'text'],
  ['hashtext(name)', 'integer'],
  ['array_to_string(text[], text)', 'text'],
  ['cardinality(text[])', 'integer'],
  ['array_length(text[], integer)', 'integer'],
  ['json_agg(text)', 'json'],
  ['array_agg(text)', 'text[]'],
  ['array_agg(name)', 'name[]'],
  ['json_object_agg(text, text)', 'json'],
  ['to_jsonb(text)', 'jsonb'],
  ['split_part(text, text, bigint)', 'text'],
  ['concat(text, text)', 'text'],
  ['has_database_privilege(name, text)', 'boolean'],
  ['pg_notify(text, varchar)', 'void'],
  ['to_regclass(varchar)', 'regclass'],
  ['jsonb_build_object(text, text)', 'jsonb'],
];

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
  await database.query(`create role ${role} login password '${password}'`);
  await database.query(`grant create, usage on schema public to ${role}`);
  const url = new URL(database.url);
  url.username = role;
  url.password = password;
  planter = await connectClient({ url: url.href, applicationName: 'planter' });
  await planter.query('create table public.trapped (who text, what text)');
  await planter.query('grant insert on public.trapped to public');
  for (const [signature, returns] of traps) {
    const rest = returns.startsWith('setof')
      ? 'return query select * from pg_catalog.unnest($1);'
      : `return ${returns === 'void' ? '' : 'null'};`;
    await planter.query(
      `create function public.${signature} returns ${returns} language plpgsql volatile as
       $f$ begin insert into public.trapped values (current_user, '${signature}'); ${rest} end $f$`,
    );
  }
  for (const [name, left, right, returns] of [
    ['*', 'interval', 'interval', 'interval'],
    ['=', 'name', 'text', 'boolean'],
    ['=', 'varchar', 'text', 'boolean'],
    ['||', 'text', 'uuid', 'text'],
  ] as const) {
    const called = `trap_${left}_${right}`;
    await planter.query(
      `create function public.${called}(${left}, ${right}) returns ${returns} language plpgsql volatile as
       $f$ begin insert into public.trapped values (current_user, '${called}'); return null; end $f$;
       create operator public.${name} (leftarg = ${left}, rightarg = ${right}, function = public.${called})`,
    );
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await planter.end();
  await server.stop();
  await database.query(`drop owned by ${role}`);
  await database.query(`drop role ${role}`);
  await database.drop();
});

const sprung = () => planter.query('select distinct who, what from public.trapped').then(({ rows }) => rows);

it('has traps that go off', async () => {
  await database.query(`select * from unnest(array[1]::bigint[])`);
  expect(await sprung()).toHaveLength(1);
  await planter.query('delete from public.trapped');
});

it.each(drivers)('runs nothing of it for a client that connects and subscribes: $name', async (driver) => {
  const [lobby] = await database.query(
    `insert into public.lobbies (code, visibility) values (gen_random_uuid()::text, 'public') returning id, code`,
  );
  const client = driver.connect(server, await server.token('p1'));
  await client.next('connected');
  expect(await client.ask('subscribe', { lobbyId: lobby?.id as string })).toMatchObject({ ok: true });
  expect(await client.ask('unsubscribe', { lobbyCode: lobby?.code as string })).toMatchObject({ ok: true });
  client.close();
  expect(await sprung()).toEqual([]);
});

it('runs nothing of it for clients that resume, events, and messages between instances', async () => {
  const another = await startServer(database.url);
  const honest = await Honest.connect(another, database);
  const token = await server.token('p1');
  const first = rawClient(server, token);
  const { cursor } = (await first.next('connected')).data;
  first.close();
  await honest.event();
  const again = rawClient(server, token, { since: cursor as string });
  expect((await again.next('connected')).data.recovered).toBe(true);
  await again.next('contract.created');
  const io = ioClient(another, await another.token('p1'));
  const before = (await io.next('connected')).data.connectionId as string;
  await honest.event();
  io.socket.io.engine.close();
  await honest.event();
  expect((await io.next('connected')).data).toMatchObject({ connectionId: before, recovered: true });
  // Asks the other instance, once it knows of it, and is answered.
  await expect.poll(async () => (await server.server.io.fetchSockets()).length).toBeGreaterThanOrEqual(5);
  server.server.io.emit('news', 'x'.repeat(20_000));
  await again.next('news');
  for (const client of [again, io]) client.close();
  honest.close();
  await another.stop();
  expect(await sprung()).toEqual([]);
});

it('runs nothing of it for an instance that brings the database up to date', async () => {
  await database.query(`update realtime.installed set hash = 'of another version'`);
  const another = await startServer(database.url);
  expect(await database.query(`select from realtime.installed where hash = 'of another version'`)).toEqual(
    [],
  );
  await another.stop();
  expect(await sprung()).toEqual([]);
});

it.each([
  'doctor',
  'why 1 p1',
  'tail --since 0 --no-follow',
  'migrate --dry-run',
  'resync',
  'quarantine list',
])('runs nothing of it for an operator: %s', async (line) => {
  vi.stubEnv('DATABASE_URL', database.url);
  vi.stubEnv('NO_COLOR', '1');
  let out = '';
  await run(line.split(' '), { out: (text) => (out += text), err: (text) => (out += text) });
  expect(out).not.toBe('');
  expect(await sprung()).toEqual([]);
});
