import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalog, contract, lobby } from '../../src/catalog/index.js';
import { eventSchema } from '../../src/catalog/schemas.js';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

let db: MigratedDatabase;
beforeAll(async () => {
  db = await createMigratedDatabase();
});
afterAll(() => db.drop());

const familyOf = (type: string) => {
  const family = catalog.families.find(({ events }) => type in events);
  if (!family) throw new Error(`no family has ${type}`);
  return family;
};

/** Rows of every table, then a change for every event there is; every column filled or every one null. */
async function live(full: boolean): Promise<void> {
  const value = (text: string) => (full ? text : 'null');
  const [{ id: lobbyId }] = await db.query(
    `insert into lobbies (code, name, host_id, max_players)
     values ('L${full}', ${value(`'n'`)}, ${value(`'h'`)}, ${value('4')}) returning id`,
  );
  await db.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'a')`, [lobbyId]);
  const [{ id }] = await db.query(
    `insert into contracts (lobby_id, chain_id, address, token, stake_amount, terms, mediator_id, tx_hash, initialized_at)
     values ($1, ${value('1')}, ${value(`'0x'`)}, ${value(`'t'`)}, ${value('1')}, '{"deep": [1, null, {"é": "\\u2028"}]}',
       ${value(`'m'`)}, ${value(`'x'`)}, ${value('now()')}) returning id`,
    [full ? lobbyId : null],
  );
  await db.query(`update contracts set status = 'initializing' where id = $1`, [id]);
  await db.query(
    `update contracts set status = 'initialized', contested_by = ${value(`'a'`)}, contested_at = now(),
       mediation_decision = ${value(`'{}'`)}, mediation_submitted_at = now(), admin_decision = ${value(`'[]'`)},
       admin_decided_at = now(), payout_tx_hash = ${value(`'p'`)}, payout_finalized_at = now() where id = $1`,
    [id],
  );
  await db.query(
    `insert into contract_players (contract_id, player_id, stake_amount, funded_at, funding_tx_hash, outcome, outcome_proof, attested_at, payout_amount)
     values ($1, 'a', ${value('1')}, now(), ${value(`'f'`)}, ${value(`'o'`)}, ${value(`'p'`)}, now(), ${value('2')})`,
    [id],
  );
  for (const kind of ['external_url', 'presigned_url', 'multipart']) {
    await db.query(
      `insert into storage (contract_id, player_id, kind, url, object_key, presigned_url, presigned_expires_at, upload_id, content_type, size_bytes)
       values ($1, 'a', '${kind}', ${value(`'u'`)}, ${value(`'k'`)}, ${value(`'secret-url'`)}, ${value('now()')}, ${value(`'secret-upload'`)}, ${value(`'c'`)}, ${value('9223372036854775807')})`,
      [id],
    );
  }
  await db.query(`update storage set status = 'completed' where contract_id = $1`, [id]);
  await db.query(`update storage set status = 'aborted' where contract_id = $1`, [id]);
  await db.query('delete from storage where contract_id = $1', [id]);
  const [{ id: bounty }] = await db.query(
    `insert into bounties (lobby_id, title, reward_amount, token, created_by, claimed_by)
     values ($1, 't', ${value('1')}, ${value(`'t'`)}, 'a', ${value(`'b'`)}) returning id`,
    [full ? lobbyId : null],
  );
  await db.query(
    'update bounties set claimed_at = now(), completed_at = now(), cancelled_at = now() where id = $1',
    [bounty],
  );
  await db.query('delete from bounties where id = $1', [bounty]);
  await db.query('delete from contracts where id = $1', [id]);
  await db.query('delete from lobby_participants where lobby_id = $1', [lobbyId]);
  await db.query('delete from lobbies where id = $1', [lobbyId]);
}

describe('the events of every transition', () => {
  it.each([
    ['filled', true],
    ['null', false],
  ])('fit their strict schema when every column is %s', async (_name, full) => {
    const events = (await db.written(() => live(full))).filter(({ type }) => !type.startsWith('realtime.'));
    const every = catalog.families.flatMap(({ events: types }) => Object.keys(types));
    expect([...new Set(events.map(({ type }) => type))].sort()).toEqual([...every].sort());
    for (const event of events) {
      expect(event.data.type).toBe(event.type);
      expect(eventSchema(familyOf(event.type)).safeParse(event.data).error).toBeUndefined();
    }
  });

  it('have the keys of the protocol, in its order', async () => {
    const [event] = await db.written(`insert into contracts default values`);
    expect(Object.keys(event?.data)).toEqual(['type', 'contractId', 'lobbyId', 'timestamp', 'payload']);
    const [other] = await db.written(`insert into lobbies (code) values ('ORDER')`);
    expect(Object.keys(other?.data)).toEqual(['type', 'lobbyId', 'lobbyCode', 'timestamp', 'payload']);
    expect(Object.keys(other?.data.payload)).toEqual(['lobby', 'playerId', 'participantCount']);
  });

  it('hold no white space of their own', async () => {
    await db.query(`insert into contracts (terms) values ('{"a": 1}')`);
    const [{ data }] = await db.query(
      `select data from realtime.events where type = 'contract.created' order by id desc limit 1`,
    );
    expect(JSON.parse(data).payload.terms).toEqual({ a: 1 });
    expect(data.replace('{"a": 1}', '')).not.toMatch(/\s/);
  });

  it.each([
    `quotes " and \\ backslashes`,
    'new\nlines\tand\u0001controls',
    'é ☃ 😀 \u2028',
    `'; drop table contracts; --`,
    '',
  ])('carry any text as it is: %j', async (text) => {
    const [event] = await db.written('insert into contracts (token) values ($1)', [text]);
    expect(event?.data.payload.token).toBe(text);
    const [member] = await db.written(
      `with l as (insert into lobbies (code, name) values (gen_random_uuid(), $1) returning id)
       select 1 from l`,
      [text],
    );
    expect(member?.data.payload.lobby.name).toBe(text);
  });

  it('carry numbers digit by digit', async () => {
    const most = '9'.repeat(78);
    const [event] = await db.written(
      'insert into contracts (stake_amount, chain_id) values ($1, 2147483647)',
      [most],
    );
    expect(event?.data.payload).toMatchObject({ stakeAmount: most, chainId: 2147483647 });
  });

  it('carry times in UTC with milliseconds, whatever the session says', async () => {
    const client = await db.connect();
    await client.query(
      `set timezone = 'Asia/Kolkata'; set datestyle = 'German'; set intervalstyle = 'iso_8601'`,
    );
    const [event] = await db.written(() =>
      client.query(`insert into contracts (initialized_at) values ('2026-01-02 03:04:05.678901+00')`),
    );
    expect(event?.data.payload.initializedAt).toBe('2026-01-02T03:04:05.678Z');
    expect(Math.abs(Date.parse(event?.data.timestamp) - Date.now())).toBeLessThan(60_000);
  });

  it('have the clock of the change, not of the transaction', async () => {
    const events = await db.written(
      `insert into contracts default values; select pg_sleep(0.02); insert into contracts default values`,
    );
    const [first, second] = events.map(({ data }) => Date.parse(data.timestamp));
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(19);
  });
});

describe('what is not listed', () => {
  it('never gets into the log: credentials, and columns that are added later', async () => {
    await db.query('alter table contracts add column internal_note text');
    await db.query('alter table contract_players add column internal_note text');
    await db.query('alter table lobbies add column internal_note text');
    const events = await db.written(async () => {
      await live(true);
      await db.query(`insert into contracts (internal_note) values ('secret-note')`);
      await db.query(`insert into lobbies (code, internal_note) values ('NOTE', 'secret-note')`);
    });
    expect(events.length).toBeGreaterThan(20);
    const written = JSON.stringify(events);
    for (const secret of [
      'secret-url',
      'secret-upload',
      'secret-note',
      'presignedUrl"',
      'uploadId',
      'internal',
    ]) {
      expect(written).not.toContain(secret);
    }
  });

  it('is refused by the schemas', () => {
    expect(eventSchema(contract).safeParse({ type: 'contract.created' }).success).toBe(false);
    expect(eventSchema(lobby).safeParse({}).success).toBe(false);
  });
});
