/** Another role of the same database: it writes business tables as it always did, and cannot touch what is ours. */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectClient } from '../../src/database/client.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { rawClient, type RawClient } from '../support/clients.js';
import { untilOnlySweeping } from '../support/listener.js';
import { startServer, type TestServer } from '../support/server.js';
import { Honest } from './observe.js';

const role = `service_${randomBytes(5).toString('hex')}`;
const password = randomBytes(16).toString('hex');

let database: TestDatabase;
let server: TestServer;
let honest: Honest;
let intruder: pg.Client;
let client: RawClient;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
  await database.query(`create role ${role} login password '${password}'`);
  await database.query(`grant select, insert, update, delete on all tables in schema public to ${role}`);
  const url = new URL(database.url);
  url.username = role;
  url.password = password;
  intruder = await connectClient({ url: url.href, applicationName: 'intruder' });
  honest = await Honest.connect(server, database);
  client = rawClient(server, await server.token('p1'));
  await client.next('connected');
});
afterAll(async () => {
  client.close();
  honest.close();
  await intruder.end();
  await server.stop();
  await database.query(`drop owned by ${role}`);
  await database.query(`drop role ${role}`);
  await database.drop();
});

it('makes events by writing business tables, with no right to anything of ours', async () => {
  await intruder.query(`insert into contracts (address) values ('by the service')`);
  const event = await client.next('contract.created');
  expect(event.data.payload.address).toBe('by the service');
});

describe('the log', () => {
  it.each(['events', 'events_0', 'log', 'log_0', 'ticks', 'state', 'sequencer', 'attachments', 'installed'])(
    'realtime.%s can be neither read nor written',
    async (table) => {
      const denied = /permission denied/;
      await expect(intruder.query(`select * from realtime.${table}`)).rejects.toThrow(denied);
      await expect(intruder.query(`insert into realtime.${table} default values`)).rejects.toThrow(denied);
      await expect(intruder.query(`delete from realtime.${table}`)).rejects.toThrow(denied);
      await expect(intruder.query(`truncate realtime.${table}`)).rejects.toThrow(denied);
      await expect(
        intruder.query(`do $$ begin lock table realtime.${table} in access exclusive mode; end $$`),
      ).rejects.toThrow(denied);
    },
  );

  it('has no function that PUBLIC may call, and pins the search path of those that run as their owner', async () => {
    const functions = await database.query(`
      select p.proname as name, p.prosecdef as definer, coalesce(array_to_string(p.proconfig, ';'), '') as config,
        has_function_privilege('${role}', p.oid, 'execute') as callable, t.typname as returns
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_type t on t.oid = p.prorettype
      where n.nspname = 'realtime'`);
    expect(functions.length).toBeGreaterThan(10);
    expect(functions.filter(({ callable }) => callable)).toEqual([]);
    const loose = functions.filter(
      ({ definer, config }) => definer && !/search_path=pg_catalog, realtime, pg_temp/.test(config as string),
    );
    expect(loose).toEqual([]);
    const [schema] = await database.query(
      `select has_schema_privilege('${role}', 'realtime', 'usage') or has_schema_privilege('${role}', 'realtime', 'create') as any`,
    );
    expect(schema?.any).toBe(false);
  });

  it('is not written through a trigger function of ours on a table of theirs', async () => {
    await intruder.query('create temporary table mine (id uuid, lobby_id uuid, player_id text)');
    const functions = await database.query(
      `select p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname = 'realtime' and p.prorettype = 'trigger'::regtype`,
    );
    expect(functions.length).toBeGreaterThan(3);
    for (const { name } of functions) {
      await expect(
        intruder.query(
          `create trigger t after insert on mine for each row execute function realtime."${name as string}"()`,
        ),
      ).rejects.toThrow(/permission denied/);
    }
  });

  it('is not led astray by objects in the way of its names', async () => {
    await intruder.query(`
      create temporary table events (id bigint);
      create function pg_temp.to_char(timestamp, text) returns text language sql as $$ select 'led astray' $$;
      set search_path = pg_temp, public`);
    await intruder.query(`insert into public.contracts (address) values ('shadowed')`);
    await intruder.query('reset search_path');
    const event = await client.next('contract.created');
    expect(event.data.payload.address).toBe('shadowed');
    expect(JSON.stringify(event)).not.toContain('led astray');
  });
});

describe('notifications that anybody can forge', () => {
  it.each(['', '0', '-1', '999999999999', '9'.repeat(400), 'NaN', '1; drop table', '\u{1f600}'])(
    'with the payload %j neither stop, forge nor repeat an event',
    async (payload) => {
      for (let turn = 0; turn < 20; turn++) {
        await intruder.query('select pg_notify($1, $2), pg_notify($3, $4)', [
          'hashi_log',
          payload,
          'hashi_bell',
          `${payload} ${turn}`,
        ]);
      }
      await honest.event();
      expect(honest.streams().map((stream) => stream.slice(-1))).toEqual([
        [honest.sent],
        [honest.sent],
        [honest.sent],
      ]);
    },
  );

  it('do not keep events back while they come all the time', async () => {
    let forging = true;
    const forger = (async () => {
      while (forging) await intruder.query(`select pg_notify('hashi_log', '999999999999')`);
    })();
    const took: number[] = [];
    for (let turn = 0; turn < 9; turn++) {
      const began = performance.now();
      await honest.event();
      took.push(performance.now() - began);
    }
    forging = false;
    await forger;
    expect(honest.errors()).toEqual([]);
    // Who believed them would leave the numbering to others, and do it itself once a second.
    expect(took.toSorted((one, other) => one - other)[4]).toBeLessThan(400);
  });

  it('on the channel of messages between instances are no messages', async () => {
    const forged = [
      '{"uid":"x","nsp":"/","type":3,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"packet":{"type":2,"data":["lobby:event",{"forged":true}],"nsp":"/"}}}',
      '{"uid":"x","nsp":"/","type":6,"data":{"opts":{"rooms":[],"except":[]},"close":true}}',
      '{"uid":"x","type":3,"attachmentId":"1"}',
      '{"__proto__":1}',
      'garbage',
    ];
    for (const payload of forged) {
      for (const channel of ['hashi-socket#/', 'socket.io#/', 'hashi_']) {
        await intruder.query('select pg_notify($1, $2)', [channel, payload]);
      }
    }
    await honest.event();
    await client.next((message) => message.data?.payload?.chainId === honest.sent);
    expect(client.messages.filter(({ data }) => data?.forged)).toEqual([]);
    expect(client.ws.readyState).toBe(client.ws.OPEN);
  });
});

it('holds advisory locks of ours without anybody waiting: for events, writers, a new instance or one that migrates', async () => {
  await intruder.query(
    `select pg_advisory_lock(c, hashtext(current_database())) from unnest(array[748177131, 748177132]) c`,
  );
  await intruder.query(`insert into contracts (address) values ('under a held lock')`);
  await client.next((message) => message.data?.payload?.address === 'under a held lock');
  await honest.event();
  await database.query(
    `update realtime.installed set hash = 'of another version' where name like 'functions/%'`,
  );
  const another = await startServer(database.url);
  expect(await database.query(`select from realtime.installed where hash = 'of another version'`)).toEqual(
    [],
  );
  const late = rawClient(another, await another.token('p2'));
  await late.next('connected');
  await honest.event();
  await late.next((message) => message.data?.payload?.chainId === honest.sent);
  late.close();
  await another.stop();
  await intruder.query('select pg_advisory_unlock_all()');
});

it('listens to our channels and never reads, while events are told', async () => {
  const url = new URL(database.url);
  url.username = role;
  url.password = password;
  const deaf = await Promise.all(
    Array.from({ length: 10 }, () => connectClient({ url: url.href, applicationName: 'deaf' })),
  );
  for (const each of deaf) {
    await each.query('listen hashi_bell; listen hashi_log');
    // In a transaction nothing is taken out of the queue.
    await each.query('begin; select 1');
  }
  for (let turn = 0; turn < 5; turn++) await honest.event();
  await Promise.all(deaf.map((each) => each.end()));
});

it('locks what it may read as hard as it can, and nothing of ours waits', async () => {
  const reader = `reader_${randomBytes(5).toString('hex')}`;
  await database.query(`create role ${reader} login password '${password}'`);
  await database.query(`grant select on all tables in schema public to ${reader}`);
  const url = new URL(database.url);
  url.username = reader;
  url.password = password;
  const locker = await connectClient({ url: url.href, applicationName: 'locker' });
  const tables = ['lobbies', 'lobby_participants', 'contracts'];
  for (const table of tables) {
    await expect(locker.query(`lock table ${table} in row exclusive mode`)).rejects.toThrow();
  }
  await locker.query(`begin; lock table ${tables.join(', ')} in access share mode`);
  await honest.event();
  const late = rawClient(server, await server.token('late'));
  await late.next('connected');
  await database.query(`update realtime.installed set hash = 'of another version'`);
  const another = await startServer(database.url);
  expect(await database.query(`select from realtime.installed where hash = 'of another version'`)).toEqual(
    [],
  );
  await another.stop();
  late.close();
  await locker.end();
  await database.query(`drop owned by ${reader}`);
  await database.query(`drop role ${reader}`);
});

it('silences the bell by its lock, and delays an event by no more than a sweep', async () => {
  await intruder.query('select pg_advisory_lock(748177132, hashtext(current_database()))');
  await honest.event();
  await untilOnlySweeping(database);
  const from = performance.now();
  await honest.event();
  const tookMs = performance.now() - from;
  await intruder.query('select pg_advisory_unlock_all()');
  // A second, and what a busy machine takes.
  expect(tookMs).toBeLessThan(5000);
});

it('waits for no lock of anybody while an instance installs what it needs in an empty database', async () => {
  const empty = await createDatabase();
  const url = new URL(empty.url);
  url.username = role;
  url.password = password;
  const other = await connectClient({ url: url.href, applicationName: 'intruder' });
  await other.query(
    `begin; select pg_advisory_lock(c, hashtext(current_database())) from unnest(array[748177131, 748177132]) c`,
  );
  const servers = await Promise.all([startServer(empty.url), startServer(empty.url), startServer(empty.url)]);
  expect(await empty.query('select hash from realtime.migrations group by hash having count(*) > 1')).toEqual(
    [],
  );
  await Promise.all(servers.map((each) => each.stop()));
  await other.end();
  await empty.drop();
});
