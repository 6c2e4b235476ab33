import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

let db: MigratedDatabase;
/** Of a role that may write business rows, and nothing else. */
let plain: pg.Client;
const role = `service_${randomBytes(4).toString('hex')}`;

beforeAll(async () => {
  db = await createMigratedDatabase();
  await db.query(`create role ${role} login password 'service'`);
  await db.query(`grant select, insert, update, delete on all tables in schema public to ${role}`);
  await db.query(`grant create on database ${db.name} to ${role}`);
  const url = new URL(db.url);
  url.username = role;
  url.password = 'service';
  plain = await db.connect(url.href);
});
afterAll(async () => {
  await plain.query('select 1');
  await db.query(`drop owned by ${role} cascade; drop role ${role}`);
  await db.drop();
});

const sqlState = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => (error as { code?: string }).code,
  );

describe('a role that may write business rows', () => {
  it('makes events, without a right to the log', async () => {
    const events = await db.written(() => plain.query(`insert into contracts (token) values ('t')`));
    expect(events).toMatchObject([{ type: 'contract.created', data: { payload: { token: 't' } } }]);
  });

  it('cannot read, write or call anything of the log', async () => {
    const [{ tables }] = await db.query(
      `select array_agg(format('%I.%I', schemaname, tablename)) as tables from pg_tables where schemaname = 'realtime'`,
    );
    expect(tables.length).toBeGreaterThan(20);
    for (const table of tables) {
      expect(await sqlState(plain.query(`select 1 from ${table}`))).toBe('42501');
      expect(await sqlState(plain.query(`delete from ${table}`))).toBe('42501');
    }
    expect(
      await sqlState(
        plain.query(`insert into realtime.events (type, room, occurred_at) values ('x', '*', now())`),
      ),
    ).toBe('42501');
    const functions = await db.query(
      `select p.oid::regprocedure::text as signature, p.prorettype = 'trigger'::regtype as trigger
       from pg_proc p where p.pronamespace = 'realtime'::regnamespace`,
    );
    expect(functions.length).toBeGreaterThan(10);
    for (const { signature, trigger } of functions) {
      const values = signature
        .replace(/^.*\(/, '')
        .replace(')', '')
        .split(',')
        .filter(Boolean)
        .map((type: string) => `null::${type}`);
      const name = signature.replace(/\(.*$/, '');
      if (!trigger) expect(await sqlState(plain.query(`select ${name}(${values.join(', ')})`))).toBe('42501');
    }
    expect(await sqlState(plain.query(`select nextval('realtime.slot')`))).toBe('42501');
  });

  it('finds nothing of the log open to PUBLIC, whoever owns the schema', async () => {
    const open = await db.query(
      `select 'schema' as what, nspname as name from pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
         where nspname = 'realtime' and a.grantee = 0
       union all
       select 'relation', relname from pg_class, aclexplode(coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))) a
         where relnamespace = 'realtime'::regnamespace and relkind in ('r', 'p', 'S') and a.grantee = 0
       union all
       select 'function', proname from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
         where pronamespace = 'realtime'::regnamespace and a.grantee = 0`,
    );
    expect(open).toEqual([]);
  });

  it('cannot attach the trigger functions to a table of its own', async () => {
    await plain.query('create schema own');
    await plain.query('create table own.contracts (id uuid)');
    expect(
      await sqlState(
        plain.query(
          'create trigger t after insert on own.contracts for each row execute function realtime.on_contracts()',
        ),
      ),
    ).toBe('42501');
  });

  it('changes nothing by functions and operators that come first in its search_path', async () => {
    await plain.query(`
      create schema evil;
      create function evil.fail() returns text language plpgsql as $$ begin raise exception 'hijacked'; end $$;
      create function evil.clock_timestamp() returns timestamptz language sql as $$ select '1999-01-01Z'::timestamptz $$;
      create function evil.now() returns timestamptz language sql as $$ select '1999-01-01Z'::timestamptz $$;
      create function evil.coalesced(text) returns text language sql as $$ select evil.fail() $$;
      create function evil.to_json(text) returns json language sql as $$ select '"hijacked"'::json $$;
      create function evil.concat(text, text) returns text language sql as $$ select 'hijacked' $$;
      create function evil.differs(text, text) returns boolean language sql as $$ select false $$;
      create function evil.same(text, text) returns boolean language sql as $$ select false $$;
      create function evil.same(uuid, uuid) returns boolean language sql as $$ select false $$;
      create operator evil.= (leftarg = text, rightarg = text, function = evil.same);
      create operator evil.= (leftarg = uuid, rightarg = uuid, function = evil.same);
      create operator evil.|| (leftarg = text, rightarg = text, function = evil.concat);
      create function evil.pg_notify(text, text) returns void language plpgsql as $$ begin raise exception 'hijacked'; end $$;
      create function evil.pg_try_advisory_xact_lock(int, int) returns boolean language plpgsql as $$ begin raise exception 'hijacked'; end $$;
      create function evil.current_setting(text, boolean) returns text language plpgsql as $$ begin raise exception 'hijacked'; end $$;
      set search_path = evil, pg_catalog, public;
      create temp table lobbies (id uuid, code text);
      create temp table contract_players (contract_id uuid)`);
    const [lobby] = await db.query(`insert into lobbies (code) values ('REAL') returning id`);
    const events = await db.written(async () => {
      await plain.query(`insert into public.contracts (lobby_id, token) values ($1, 't')`, [lobby.id]);
      await plain.query(`update public.contracts set status = 'initialized'`);
      await plain.query(`insert into public.lobby_participants (lobby_id, player_id) values ($1, 'p')`, [
        lobby.id,
      ]);
      await plain.query(`delete from public.lobby_participants`);
    });
    expect(events.map(({ type }) => type)).toEqual([
      'contract.created',
      ...events.filter(({ type }) => type === 'contract.initialized').map(({ type }) => type),
      'lobby.joined',
      'lobby.left',
    ]);
    expect(events[0]?.data).toMatchObject({ lobbyId: 'REAL', payload: { token: 't' } });
    expect(events.length).toBeGreaterThan(3);
    expect(JSON.stringify(events)).not.toMatch(/hijacked|1999/);
  });
});
