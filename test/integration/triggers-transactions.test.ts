import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

let db: MigratedDatabase;
let one: pg.Client;
let two: pg.Client;

beforeAll(async () => {
  db = await createMigratedDatabase();
  one = await db.connect();
  two = await db.connect();
});
afterAll(() => db.drop());

const contract = async () =>
  (await db.query('insert into contracts default values returning id'))[0].id as string;
const touch = (id: string) => `update contracts set contested_at = clock_timestamp() where id = '${id}'`;
const sqlState = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => (error as { code?: string }).code,
  );
/** Numbers what has committed; returns the types that are in the log after `seq`. */
const logged = async (seq: string) => {
  await db.query('select realtime.advance()');
  return (await db.query('select type from realtime.read($1, 1000)', [seq])).map(
    ({ type }) => type as string,
  );
};
const head = async () => (await db.query('select realtime.advance() as seq'))[0].seq as string;
/** Resolves when the backend waits for a lock. */
async function waits(client: pg.Client): Promise<void> {
  const { processID } = client as unknown as { processID: number };
  for (;;) {
    const [row] = await db.query('select wait_event_type from pg_stat_activity where pid = $1', [processID]);
    if (row?.wait_event_type === 'Lock') return;
  }
}

describe('a transaction', () => {
  it('takes its events with it when it is rolled back', async () => {
    expect(await db.types(`begin; insert into contracts default values; rollback`)).toEqual([]);
  });

  it('loses what a savepoint rolled back, and rings for what came after', async () => {
    await one.query('listen hashi_bell');
    const bells: string[] = [];
    const rung = new Promise<void>((resolve) => {
      one.on('notification', ({ channel }) => {
        bells.push(channel);
        resolve();
      });
    });
    const id = await contract();
    expect(
      await db.types(`
        begin;
        savepoint a; ${touch(id)}; rollback to a;
        savepoint b; update contracts set status = 'initialized' where id = '${id}'; release b;
        commit`),
    ).toEqual(['contract.initialized']);
    await rung;
    expect(bells).toContain('hashi_bell');
    await one.query('unlisten *');
  });

  it('keeps events in order across statements, functions and nested triggers', async () => {
    await db.query(`
      create function chain() returns trigger language plpgsql as $$ begin
        insert into bounties (title, created_by) values ('chained', 'p'); return null; end $$;
      create trigger a_chain after insert on contracts for each row execute function chain()`);
    expect(await db.types('insert into contracts default values')).toEqual([
      'bounty.created',
      'contract.created',
    ]);
    await db.query('drop trigger a_chain on contracts');
  });

  it('may defer its foreign keys', async () => {
    await db.query(
      `alter table lobby_participants alter constraint lobby_participants_lobby_id_lobbies_id_fk deferrable`,
    );
    const id = randomUUID();
    const events = await db.written(`
      begin; set constraints all deferred;
      insert into lobby_participants (lobby_id, player_id) values ('${id}', 'early');
      insert into lobbies (id, code) values ('${id}', '${id}');
      insert into lobby_participants (lobby_id, player_id) values ('${id}', 'p');
      commit`);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['lobby.created', 'lobby.joined']));
    const early = await db.query('select from lobby_participants where lobby_id = $1', [id]);
    expect(early).toHaveLength(2);
  });

  it('writes no events as a replica', async () => {
    expect(
      await db.types(
        `begin; set local session_replication_role = replica; insert into contracts default values; commit`,
      ),
    ).toEqual([]);
  });

  it('makes events of an UPDATE by a session with the settings of a dump, for no dump has one', async () => {
    const id = await contract();
    const client = await db.connect();
    await client.query('set row_security = off; set check_function_bodies = off');
    expect(await db.types(() => client.query(touch(id)))).toEqual(['contract.decision_contested']);
    expect(await db.types(() => client.query('insert into contracts default values'))).toEqual([
      'realtime.restored',
    ]);
  });

  it('may be prepared: its events come after COMMIT PREPARED, none after ROLLBACK PREPARED', async () => {
    const seq = await head();
    const prepare = async (name: string) => {
      await two.query('begin');
      await two.query('insert into contracts default values');
      await two.query(`prepare transaction '${name}'`);
    };
    await prepare('kept');
    await prepare('dropped');
    expect(await logged(seq)).toEqual([]);
    // Others go on meanwhile.
    await db.query(`insert into bounties (title, created_by) values ('t', 'p')`);
    expect(await logged(seq)).toEqual(['bounty.created']);
    await two.query(`commit prepared 'kept'`);
    await two.query(`rollback prepared 'dropped'`);
    expect(await logged(seq)).toEqual(['bounty.created', 'contract.created']);
  });

  it.each([
    ['before the change', 'set constraints all immediate; %', 'select 1'],
    ['after the change', '%; set constraints all immediate', 'select 1'],
    ['inside a function', '%', 'select checked()'],
  ])('may be prepared though its constraints were made immediate %s', async (_when, change, check) => {
    await db.query(
      `create or replace function checked() returns void language plpgsql as $$ begin set constraints all immediate; end $$`,
    );
    const seq = await head();
    await two.query('begin');
    for (const statement of change.replace('%', 'insert into contracts default values').split('; ')) {
      await two.query(statement);
    }
    await two.query(check);
    await two.query(`prepare transaction 'immediate'`);
    await two.query(`commit prepared 'immediate'`);
    expect(await logged(seq)).toEqual(['contract.created']);
  });

  it('leaves the bell to others while it is open, though its constraints were made immediate', async () => {
    await two.query('begin');
    await two.query('set constraints all immediate');
    await two.query('insert into contracts default values');
    const [{ free }] = await db.query(
      `select pg_try_advisory_xact_lock(748177132, hashtext(current_database())) as free`,
    );
    await two.query('rollback');
    expect(free).toBe(true);
  });

  it('rings at each COMMIT of a procedure', async () => {
    const listener = await db.connect();
    await listener.query('listen hashi_bell');
    let bells = 0;
    const twice = new Promise<void>((resolve) => {
      listener.on('notification', () => {
        if (++bells === 2) resolve();
      });
    });
    await one.query(`do $$ begin
      insert into contracts default values; commit;
      insert into contracts default values; commit;
    end $$`);
    await twice;
    await listener.end();
  });

  it('commits with a lock on the doorbell held by somebody else; the log has its events', async () => {
    const seq = await head();
    await two.query(`select pg_advisory_lock(748177132, hashtext(current_database()))`);
    try {
      await one.query(`set statement_timeout = '5s'`);
      await one.query('insert into contracts default values');
      expect(await logged(seq)).toEqual(['contract.created']);
    } finally {
      await one.query('reset statement_timeout');
      await two.query('select pg_advisory_unlock_all()');
    }
  });

  it.each(['simple', 'extended'])(
    'does not ring while another holds the bell, by the %s protocol',
    async (protocol) => {
      const id = await contract();
      const listener = await db.connect();
      const bells: string[] = [];
      listener.on('notification', ({ payload }) => bells.push(payload ?? ''));
      await listener.query('listen hashi_bell');
      await listener.query('listen over');
      await two.query(`select pg_advisory_lock(748177132, hashtext(current_database()))`);
      const update = 'update contracts set contested_at = clock_timestamp()';
      await (protocol === 'simple'
        ? one.query(`${update} where id = '${id}'`)
        : one.query(`${update} where id = $1`, [id]));
      const over = new Promise((resolve) => listener.on('notification', resolve));
      await two.query(`select pg_notify('over', 'over')`);
      await over;
      expect(bells).toEqual(['over']);
      await two.query('select pg_advisory_unlock_all()');
      await listener.end();
    },
  );

  it('never waits at its commit for another that is open and has written events', async () => {
    await two.query('begin');
    await two.query('insert into contracts default values');
    await two.query('set constraints all immediate');
    await one.query(`set lock_timeout = '2s'`);
    await one.query('insert into contracts default values');
    await one.query('reset lock_timeout');
    await two.query('rollback');
  });
});

describe('an error that would have failed the write anyway', () => {
  it('is raised again: serialization failure', async () => {
    const id = await contract();
    await one.query('begin isolation level repeatable read');
    await one.query('select 1 from contracts');
    await two.query(touch(id));
    const events = await db.written(async () => {
      expect(await sqlState(one.query(touch(id)))).toBe('40001');
      await one.query('rollback');
    });
    expect(events).toEqual([]);
  });

  it('is raised again: serialization failure of SERIALIZABLE transactions that write skew', async () => {
    const [a, b] = [await contract(), await contract()];
    await db.query('analyze contracts');
    const events = await db.written(async () => {
      for (const client of [one, two]) {
        await client.query('begin isolation level serializable');
        await client.query('select count(*) from contracts where contested_at is null');
      }
      const states = [
        await sqlState(one.query(touch(a)).then(() => one.query('commit'))),
        await sqlState(two.query(touch(b)).then(() => two.query('commit'))),
      ];
      await two.query('rollback');
      expect(states).toEqual([null, '40001']);
    });
    expect(events.map(({ data }) => data.contractId)).toEqual([a]);
  });

  it('is raised again: deadlock', async () => {
    const [a, b] = [await contract(), await contract()];
    const events = await db.written(async () => {
      for (const [client, id] of [
        [one, a],
        [two, b],
      ] as const) {
        await client.query('begin');
        await client.query(`set local deadlock_timeout = '20ms'`);
        await client.query(touch(id));
      }
      const states = await Promise.all([
        sqlState(one.query(touch(b)).then(() => one.query('commit'))),
        sqlState(two.query(touch(a)).then(() => two.query('commit'))),
      ]);
      await Promise.all([one.query('rollback'), two.query('rollback')]);
      expect([...states].sort()).toEqual(['40P01', null]);
    });
    // One transaction's two changes, all or nothing.
    expect(events).toHaveLength(2);
  });

  it.each([
    ['lock timeout', `set local lock_timeout = '30ms'`, '55P03'],
    ['cancelled by statement timeout', `set local statement_timeout = '30ms'`, '57014'],
  ])('is raised again inside the trigger: %s', async (_name, setting, state) => {
    const [lobby] = await db.query(`insert into lobbies (code) values ($1) returning id`, [randomUUID()]);
    const [row] = await db.query('insert into contracts (lobby_id) values ($1) returning id', [lobby.id]);
    // The trigger has to read the players, and cannot.
    await two.query('begin');
    await two.query('lock table contract_players in access exclusive mode');
    const before = await two.query('select count(*) from realtime.events');
    await one.query('begin');
    await one.query(setting);
    expect(await sqlState(one.query(touch(row.id)))).toBe(state);
    await one.query('rollback');
    expect((await two.query('select count(*) from realtime.events')).rows).toEqual(before.rows);
    await two.query('rollback');
  });

  it('is raised again inside the trigger: cancelled by an administrator', async () => {
    const id = await contract();
    await two.query('begin');
    await two.query('lock table contract_players in access exclusive mode');
    const outcome = sqlState(one.query(touch(id)));
    await waits(one);
    await db.query('select pg_cancel_backend($1)', [(one as unknown as { processID: number }).processID]);
    expect(await outcome).toBe('57014');
    await two.query('rollback');
  });
});
