/** What clients are told when the database is not what it was: loaded from a dump, put back, copied, mixed with another. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ioClient, rawClient, type Message, type TestClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';
import { expectServed, expectServedAgain, summonWitnesses, type Witnesses } from './support/witnesses.js';

let database: TestDatabase;
let proxy: TcpProxy;
/** Two instances, each with clients of both kinds. */
let servers: TestServer[];
let witnesses: Witnesses[];

beforeAll(async () => {
  database = await createDatabase();
  proxy = await startProxy(database.url);
  servers = await Promise.all([1, 2].map(() => startServer(proxy.through(database.url))));
});
beforeEach(async () => {
  witnesses = await Promise.all(servers.map((server) => summonWitnesses(server)));
});
afterEach(async () => {
  // Whatever it was: no connection is lost by it.
  await expectServedAgain(watched());
  for (const witness of witnesses) witness.close();
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await proxy.stop();
  await database.drop();
});

const watched = () => servers.map((server, at) => ({ server, witnesses: witnesses[at]! }));
const clients = (): TestClient[] => witnesses.flatMap(({ raw, io }) => [raw, io]);
const write = async (from: Pick<TestDatabase, 'query'> = database): Promise<string> =>
  (await from.query('insert into contracts default values returning id'))[0].id;
const aboutContract = (id: string) => (message: Message) => message.data?.contractId === id;
const isError = (code: string) => (message: Message) =>
  message.type === 'error' && message.data.code === code;
const resync = isError('RESYNC_REQUIRED');
/** Acts until every client has got what fits; returns what each got up to it. */
async function untilAll(fits: (message: Message) => boolean, act: () => Promise<unknown>) {
  let waiting = true;
  const all = Promise.all(clients().map((client) => client.until(fits))).finally(() => (waiting = false));
  while (waiting) {
    await act();
    await Promise.race([all, sleep(200)]);
  }
  return all;
}
const markers = new Set<string>();
const isMarker = ({ data }: Message) => markers.has(data?.contractId);
/**
 * Writes contracts until every client has got one, and returns what each got before it but for these: a client whose
 * memberships are being read again gets nothing, and is told so afterwards.
 */
async function untilNext(): Promise<(readonly Message[])[]> {
  const before = untilAll(isMarker, async () => {
    const id = randomUUID();
    markers.add(id);
    await database.query('insert into contracts (id) values ($1)', [id]);
  });
  return (await before).map((messages) => messages.filter((message) => !isMarker(message)));
}
/** The instances lose the database, something happens to it, and they find it again. */
async function away(work: () => Promise<unknown>): Promise<void> {
  proxy.refuse();
  proxy.cut();
  await expectServed(watched(), 503);
  await work();
  await expectServed(watched(), 503);
  proxy.heal();
}
const resumed = async (since: string) => {
  const client = rawClient(servers[0]!, await servers[0]!.token('resumer'), { since });
  const { data } = await client.next('connected');
  return { client, recovered: data.recovered as boolean };
};
const told = (messages: readonly Message[]) =>
  messages.filter(({ type }) => type !== 'pong').map(({ type, data }) => data.type ?? data.code ?? type);

/** What every dump of pg_dump begins with. */
const preamble = `set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0;
  set client_encoding = 'UTF8'; set standard_conforming_strings = on; select pg_catalog.set_config('search_path', '', false);
  set check_function_bodies = false; set xmloption = content; set client_min_messages = warning; set row_security = off`;
const lobby = '11111111-1111-4111-8111-111111111111';

async function load(...statements: string[]): Promise<void> {
  const loader = new pg.Client({ connectionString: database.url });
  await loader.connect();
  try {
    await loader.query(preamble);
    for (const statement of statements) {
      await Promise.all([loader.query(statement), expectServed(watched(), 200)]);
    }
  } finally {
    await loader.end();
  }
}

describe('a data-only restore', () => {
  it('is no change of now: one RESYNC_REQUIRED a transaction instead of events, and memberships as loaded', async () => {
    await untilNext();
    await load(
      `insert into public.lobbies (id, code) values ('${lobby}', 'OLD')`,
      `insert into public.lobby_participants (lobby_id, player_id) values ('${lobby}', 'witness')`,
      `insert into public.contracts (id, lobby_id, created_at)
         select gen_random_uuid(), '${lobby}', '2020-01-01' from generate_series(1, 500)`,
    );
    for (const before of await untilNext()) {
      expect(before.some(resync)).toBe(true);
      // One for each transaction, and once more when memberships have been read again.
      expect(new Set(told(before))).toEqual(new Set(['RESYNC_REQUIRED']));
      expect(before.length).toBeLessThan(10);
    }
    await untilAll(
      ({ data }) => data?.type === 'lobby.joined',
      () =>
        database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [
          lobby,
          randomUUID(),
        ]),
    );
  });

  it('says so: in the log, in a metric, and to those who resume from before it', async () => {
    await untilNext();
    const since = witnesses[0]!.raw.messages.at(-1)!.id!;
    await load(`insert into public.contracts default values`);
    await untilNext();
    expect(servers[0]!.logs.join('')).toContain('a dump was loaded into the database');
    const metrics = await (await fetch(`${servers[0]!.url}/metrics`)).text();
    expect(metrics).toMatch(/^hashi_resyncs_total [1-9]/m);
    const { client, recovered } = await resumed(since);
    expect(recovered).toBe(true);
    await client.next(resync);
    client.close();
  });

  it('by a session without triggers is told when an operator asks for it', async () => {
    await untilNext();
    const since = witnesses[0]!.raw.messages.at(-1)!.id!;
    const replica = new pg.Client({ connectionString: database.url });
    await replica.connect();
    await replica.query(`begin; set local session_replication_role = replica; insert into contracts default values;
      set local session_replication_role = origin; select realtime.resync(); commit`);
    await replica.end();
    for (const before of await untilNext()) {
      expect(new Set(told(before))).toEqual(new Set(['RESYNC_REQUIRED']));
    }
    const { client } = await resumed(since);
    await client.next(resync);
    client.close();
  });
});

describe('rows of another database’s log', () => {
  it('are refused', async () => {
    await untilNext();
    const violates = /violates check constraint "not_from_another_database"/;
    await expect(
      database.query(
        `insert into realtime.events (id, xid, slot, type, room, data, occurred_at) overriding system value
         values (1, '5', 0, 'contract.created', '*', '{}', now())`,
      ),
    ).rejects.toThrow(violates);
    await expect(
      database.query(`insert into realtime.ticks values (999, 0, 999, '900000:900000:', '2020-01-01')`),
    ).rejects.toThrow(violates);
    for (const before of await untilNext()) expect(told(before)).toEqual([]);
  });

  it('that were let in are found, and told by RESYNC_REQUIRED, never as events', async () => {
    await untilNext();
    const [{ seq }] = await database.query('select max(seq) as seq from realtime.log');
    const epoch = await epochOf();
    const since = witnesses[0]!.raw.messages.at(-1)!.id!;
    await database.query(
      `insert into realtime.log (seq, slot, event_id, event_xid, event_slot)
       select $1::bigint + n, 0, 1000000 + n, '7', 0 from generate_series(1, 20) n`,
      [seq],
    );
    // They are in the way of the next number.
    await write();
    await Promise.all(clients().map((client) => client.next(resync)));
    for (const before of await untilNext()) {
      expect(told(before).filter((what) => what !== 'RESYNC_REQUIRED')).toEqual([]);
    }
    expect(await epochOf()).not.toBe(epoch);
    const { client, recovered } = await resumed(since);
    expect(recovered).toBe(false);
    await client.next(isError('RESUME_FAILED'));
    client.close();
  });
});

const epochOf = async () => (await database.query('select epoch from realtime.state'))[0].epoch as string;

describe('a database that is put back to an earlier state', () => {
  /** As a snapshot of the storage that was taken at `seq` is: the same cluster, timeline and epoch. */
  const putBackTo = (seq: string) =>
    database.query(`
      delete from realtime.events where (xid, id) in (select event_xid, event_id from realtime.log where seq > ${seq});
      delete from realtime.log where seq > ${seq};
      delete from realtime.ticks where seq > ${seq}`);
  /** The seq of the snapshot, a cursor from before it, and one from after it. */
  async function beyondASnapshot() {
    await untilNext();
    await untilNext();
    const early = witnesses[0]!.raw.messages.at(-1)!.id!;
    const [{ seq }] = await database.query('select max(seq) as seq from realtime.log');
    await untilNext();
    await untilNext();
    return { seq: seq as string, early, late: witnesses[0]!.raw.messages.at(-1)!.id! };
  }

  it.each([
    ['and stands still', 0],
    ['and has grown past it', 5],
  ])('%s, tells its clients so, and refuses cursors from what is gone alone', async (_how, later) => {
    const { seq, early, late } = await beyondASnapshot();
    const epoch = await epochOf();
    await away(async () => {
      await putBackTo(seq);
      for (let count = 0; count < later; count++) await write();
      if (later > 0) await database.query('select realtime.advance()');
    });
    await Promise.all(clients().map((client) => client.next(resync)));
    for (const before of await untilNext()) {
      expect(told(before).filter((what) => what !== 'RESYNC_REQUIRED')).toEqual([]);
    }
    expect(servers[0]!.logs.join('')).toContain('the database was put back to an earlier state');
    await expectServed(watched(), 200);
    expect(await epochOf()).toBe(epoch);

    const lost = await resumed(late);
    expect(lost.recovered).toBe(false);
    await lost.client.next(isError('RESUME_FAILED'));
    lost.client.close();
    // Everything after this one is known: nothing of what was undone has been shown to it.
    const whole = await resumed(early);
    expect(whole.recovered).toBe(true);
    const missed = await database.query('select count(*)::int as n from realtime.log where seq > $1', [seq]);
    for (let count = 0; count < missed[0].n; count++) await whole.client.next('contract.created');
    whole.client.close();
  });

  it('while its instances are connected, is found by the next look', async () => {
    const { seq } = await beyondASnapshot();
    await putBackTo(seq);
    await Promise.all(clients().map((client) => client.next(resync)));
    await untilNext();
  });

  it('is not mistaken for one that was merely away', async () => {
    await untilNext();
    const written: string[] = [];
    await away(async () => written.push(await write(), await write()));
    const last = written.at(-1)!;
    for (const before of await Promise.all(clients().map((client) => client.until(aboutContract(last))))) {
      expect(told(before)).toEqual(['contract.created', 'contract.created']);
    }
  });
});

describe('a copy of the database under the same address', () => {
  it('is another log: live clients are told, cursors and sessions from before are refused', async () => {
    await untilNext();
    const since = witnesses[0]!.raw.messages.at(-1)!.id!;
    const returning = ioClient(servers[0]!, await servers[0]!.token('returning'));
    await returning.next('connected');
    const original = database;
    try {
      await away(async () => {
        returning.socket.io.engine.close();
        database = await createDatabase(original.name);
      });
      // From now on the address leads to the copy.
      proxy.rewrite(original.name, database.name);
      await Promise.all(clients().map((client) => client.next(resync)));
      for (const before of await untilNext()) {
        expect(told(before).filter((what) => what !== 'RESYNC_REQUIRED')).toEqual([]);
      }
      const { client, recovered } = await resumed(since);
      expect(recovered).toBe(false);
      await client.next(isError('RESUME_FAILED'));
      client.close();
      await returning.next(isError('RESUME_FAILED'));
    } finally {
      returning.close();
      await original.drop();
    }
  });
});
