import { beforeEach, describe, expect, it } from 'vitest';
import { db, newContract, newLobby } from './trigger-rows.js';

describe('contracts', () => {
  let id: string;
  beforeEach(async () => {
    id = await newContract();
  });
  const update = (assignments: string) => db.types(`update contracts set ${assignments} where id = $1`, [id]);

  it('tells of an INSERT by contract.created alone, whatever its values', async () => {
    expect(
      await db.types(
        `insert into contracts (status, contested_at, mediation_submitted_at, admin_decided_at, payout_finalized_at, deleted_at)
         values ('initialized', now(), now(), now(), now(), now())`,
      ),
    ).toEqual(['contract.created']);
  });

  it.each([
    ['initializing', 'contract.initializing'],
    ['initialized', 'contract.initialized'],
  ])(
    'tells of status becoming %s, not of it staying so, and again when it becomes so again',
    async (status, type) => {
      expect(await update(`status = '${status}'`)).toEqual([type]);
      expect(await update(`status = '${status}', updated_at = now()`)).toEqual([]);
      expect(await update(`status = 'other'`)).toEqual([]);
      expect(await update(`status = '${status}'`)).toEqual([type]);
    },
  );

  it.each([
    ['contested_at', 'contract.decision_contested'],
    ['mediation_submitted_at', 'contract.mediation_submitted'],
    ['admin_decided_at', 'contract.admin_decision'],
    ['payout_finalized_at', 'contract.payout_finalized'],
    ['deleted_at', 'contract.deleted'],
  ])('tells of %s set from null or to another value, not of the same value or null', async (column, type) => {
    expect(await update(`${column} = '2026-01-01Z'`)).toEqual([type]);
    expect(await update(`${column} = '2026-01-01Z'`)).toEqual([]);
    expect(await update(`${column} = '2026-01-02Z'`)).toEqual([type]);
    expect(await update(`${column} = null`)).toEqual([]);
  });

  it('tells of several transitions of one UPDATE in the order of the table', async () => {
    expect(
      await update(
        `deleted_at = now(), payout_finalized_at = now(), admin_decided_at = now(),
         mediation_submitted_at = now(), contested_at = now(), status = 'initialized'`,
      ),
    ).toEqual([
      'contract.initialized',
      'contract.decision_contested',
      'contract.mediation_submitted',
      'contract.admin_decision',
      'contract.payout_finalized',
      'contract.deleted',
    ]);
  });

  it('writes no row for an UPDATE of other columns', async () => {
    expect(
      await update(
        `status = 'active', chain_id = 1, address = 'a', token = 't', stake_amount = 1, terms = '{"a":1}',
         mediator_id = 'm', tx_hash = 'x', initialized_at = now(), contested_by = 'c', mediation_decision = '{}',
         admin_decision = '{}', payout_tx_hash = 'p', created_at = now(), updated_at = now()`,
      ),
    ).toEqual([]);
  });

  it('tells of a hard deletion once, and not of one that was soft before', async () => {
    expect(await db.types('delete from contracts where id = $1', [id])).toEqual(['contract.deleted']);
    const soft = await newContract();
    expect(await db.types('update contracts set deleted_at = now() where id = $1', [soft])).toEqual([
      'contract.deleted',
    ]);
    expect(await db.types('delete from contracts where id = $1', [soft])).toEqual([]);
  });

  it('counts under the lobby it was moved to from its next event on', async () => {
    const [from, to] = [await newLobby(), await newLobby()];
    const [{ code }] = await db.query('select code from lobbies where id = $1', [to]);
    const contract = await newContract(from);
    expect(await db.types('update contracts set lobby_id = $2 where id = $1', [contract, to])).toEqual([]);
    const [event] = await db.written(`update contracts set status = 'initializing' where id = $1`, [
      contract,
    ]);
    expect(event?.data).toMatchObject({ lobbyId: code, payload: { lobbyId: to, lobbyCode: code } });
  });

  it('has no lobby where there is none', async () => {
    const [event] = await db.written(`update contracts set status = 'initializing' where id = $1`, [id]);
    expect(event?.data).toMatchObject({ lobbyId: null, payload: { lobbyId: null, lobbyCode: null } });
  });
});

describe('contract_players', () => {
  let id: string;
  beforeEach(async () => {
    id = await newContract();
  });

  it.each([
    ['funded_at', 'contract.payment_transferred'],
    ['attested_at', 'contract.outcome_attested'],
  ])('tells of %s set, by INSERT too', async (column, type) => {
    expect(
      await db.types(`insert into contract_players (contract_id, player_id) values ($1, 'a')`, [id]),
    ).toEqual([]);
    const update = (value: string) =>
      db.types(
        `update contract_players set ${column} = ${value} where contract_id = $1 and player_id = 'a'`,
        [id],
      );
    expect(await update(`'2026-01-01Z'`)).toEqual([type]);
    expect(await update(`'2026-01-01Z'`)).toEqual([]);
    expect(await update(`'2026-01-02Z'`)).toEqual([type]);
    expect(await update('null')).toEqual([]);
    expect(
      await db.types(
        `insert into contract_players (contract_id, player_id, ${column}) values ($1, 'b', now())`,
        [id],
      ),
    ).toEqual([type]);
  });

  it('tells of both by one INSERT, and holds the players as they are after it', async () => {
    const events = await db.written(
      `insert into contract_players (contract_id, player_id, funded_at, attested_at, stake_amount)
       values ($1, 'b', now(), now(), 2), ($1, 'B', now(), null, 3)`,
      [id],
    );
    expect(events.map((event) => event.type)).toEqual([
      'contract.payment_transferred',
      'contract.outcome_attested',
      'contract.payment_transferred',
    ]);
    // In the order of bytes, whatever the database's locale: capitals first.
    expect(events[0]?.data.payload.players.map((player: any) => player.playerId)).toEqual(['B', 'b']);
    expect(events[0]?.data.payload.players[0]).not.toHaveProperty('contractId');
  });

  it('is silent on DELETE and on columns that are no event', async () => {
    await db.query(`insert into contract_players (contract_id, player_id) values ($1, 'a')`, [id]);
    expect(
      await db.types(
        `update contract_players set outcome = 'win', payout_amount = 5 where contract_id = $1`,
        [id],
      ),
    ).toEqual([]);
    expect(await db.types('delete from contract_players where contract_id = $1', [id])).toEqual([]);
  });

  it('goes with its contract, whose deletion shows no players', async () => {
    await db.query(
      `insert into contract_players (contract_id, player_id, funded_at) values ($1, 'a', now())`,
      [id],
    );
    const events = await db.written('delete from contracts where id = $1', [id]);
    expect(events.map((event) => event.type)).toEqual(['contract.deleted']);
    expect(events[0]?.data.payload.players).toEqual([]);
  });
});
