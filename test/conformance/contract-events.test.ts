/** Contract events: each transition of a row, and the exact frame it becomes. */
import { describe, expect, it } from 'vitest';
import { drivers } from './drivers.js';
import { expectEvent, instants, maxUint256 } from './frames.js';
import { somebody, useWorld, type Lobby } from './world.js';

const world = useWorld();

/** Everything but the ids, as the database is told it. */
const row = {
  status: 'created',
  chain_id: 8453,
  address: '0xc0ffee',
  token: '0x70ce7',
  stake_amount: maxUint256,
  terms: JSON.stringify({ rounds: 3, names: ['Zoë', null], nested: { exact: true } }),
  mediator_id: 'mediator',
  tx_hash: '0x01',
  created_at: instants[0].sql,
  updated_at: instants[1].sql,
};
const bob = {
  stake_amount: '1000000000000000000',
  outcome: 'won',
  outcome_proof: 'proof',
  payout_amount: '0',
  created_at: instants[0].sql,
  updated_at: instants[1].sql,
};
const alice = { created_at: instants[0].sql, updated_at: instants[0].sql };

const payloadOf = (id: string, lobby: Lobby) => ({
  id,
  lobbyId: lobby.id,
  status: 'created',
  chainId: 8453,
  address: '0xc0ffee',
  token: '0x70ce7',
  stakeAmount: maxUint256,
  terms: { rounds: 3, names: ['Zoë', null], nested: { exact: true } },
  mediatorId: 'mediator',
  txHash: '0x01',
  initializedAt: null,
  contestedBy: null,
  contestedAt: null,
  mediationDecision: null,
  mediationSubmittedAt: null,
  adminDecision: null,
  adminDecidedAt: null,
  payoutTxHash: null,
  payoutFinalizedAt: null,
  deletedAt: null,
  createdAt: instants[0].wire,
  updatedAt: instants[1].wire,
  lobbyCode: lobby.code,
  players: [alicesPart, bobsPart] as Record<string, unknown>[],
});
const alicesPart = {
  playerId: 'Alice',
  stakeAmount: null,
  fundedAt: null,
  fundingTxHash: null,
  outcome: null,
  outcomeProof: null,
  attestedAt: null,
  payoutAmount: null,
  createdAt: instants[0].wire,
  updatedAt: instants[0].wire,
};
const bobsPart = {
  ...alicesPart,
  playerId: 'bob',
  stakeAmount: '1000000000000000000',
  outcome: 'won',
  outcomeProof: 'proof',
  payoutAmount: '0',
  updatedAt: instants[1].wire,
};

interface Transition {
  readonly event: string;
  readonly sql: string;
  readonly payload: Record<string, unknown>;
}

const at = instants[2];
const transitions: Transition[] = [
  {
    event: 'contract.initializing',
    sql: `update contracts set status = 'initializing' where id = $1`,
    payload: { status: 'initializing' },
  },
  {
    event: 'contract.initialized',
    sql: `update contracts set status = 'initialized', initialized_at = '${at.sql}' where id = $1`,
    payload: { status: 'initialized', initializedAt: at.wire },
  },
  {
    event: 'contract.payment_transferred',
    sql: `update contract_players set funded_at = '${at.sql}', funding_tx_hash = '0xf'
          where contract_id = $1 and player_id = 'bob'`,
    payload: { players: [alicesPart, { ...bobsPart, fundedAt: at.wire, fundingTxHash: '0xf' }] },
  },
  {
    event: 'contract.payment_transferred',
    sql: `insert into contract_players (contract_id, player_id, funded_at, created_at, updated_at)
          values ($1, 'carol', '${at.sql}', '${at.sql}', '${at.sql}')`,
    payload: {
      players: [
        alicesPart,
        bobsPart,
        { ...alicesPart, playerId: 'carol', fundedAt: at.wire, createdAt: at.wire, updatedAt: at.wire },
      ],
    },
  },
  {
    event: 'contract.outcome_attested',
    sql: `update contract_players set attested_at = '${at.sql}', outcome = 'lost'
          where contract_id = $1 and player_id = 'Alice'`,
    payload: { players: [{ ...alicesPart, attestedAt: at.wire, outcome: 'lost' }, bobsPart] },
  },
  {
    event: 'contract.decision_contested',
    sql: `update contracts set contested_by = 'bob', contested_at = '${at.sql}' where id = $1`,
    payload: { contestedBy: 'bob', contestedAt: at.wire },
  },
  {
    event: 'contract.mediation_submitted',
    sql: `update contracts set mediation_decision = '{"winner":"bob"}', mediation_submitted_at = '${at.sql}' where id = $1`,
    payload: { mediationDecision: { winner: 'bob' }, mediationSubmittedAt: at.wire },
  },
  {
    event: 'contract.admin_decision',
    sql: `update contracts set admin_decision = '"refund"', admin_decided_at = '${at.sql}' where id = $1`,
    payload: { adminDecision: 'refund', adminDecidedAt: at.wire },
  },
  {
    event: 'contract.payout_finalized',
    sql: `update contracts set payout_tx_hash = '0xp', payout_finalized_at = '${at.sql}' where id = $1`,
    payload: { payoutTxHash: '0xp', payoutFinalizedAt: at.wire },
  },
  {
    event: 'contract.deleted',
    sql: `update contracts set deleted_at = '${at.sql}' where id = $1`,
    payload: { deletedAt: at.wire },
  },
  { event: 'contract.deleted', sql: 'delete from contracts where id = $1', payload: { players: [] } },
];

async function givenContract(): Promise<{ id: string; lobby: Lobby }> {
  const itsLobby = await world.lobby();
  const { id } = await world.insert('contracts', { lobby_id: itsLobby.id, ...row });
  await world.insert('contract_players', { contract_id: id, player_id: 'bob', ...bob });
  await world.insert('contract_players', { contract_id: id, player_id: 'Alice', ...alice });
  return { id, lobby: itsLobby };
}

describe.each(drivers)('contract events: $name', (driver) => {
  it('sends contract.created with the whole contract', async () => {
    const lobby = await world.lobby();
    const client = await world.open(driver, somebody());
    const frame = await expectEvent(world, client, 'contract:event', 'contract.created', async () => {
      await world.insert('contracts', { lobby_id: lobby.id, ...row });
    });
    const { id } = frame.data.payload;
    expect(frame.data).toStrictEqual({
      type: 'contract.created',
      contractId: id,
      lobbyId: lobby.code,
      timestamp: frame.data.timestamp,
      payload: { ...payloadOf(id, lobby), players: [] },
    });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  });

  it.each(transitions)('sends $event for: $sql', async ({ event, sql, payload }) => {
    const { id, lobby } = await givenContract();
    const client = await world.open(driver, somebody());
    const frame = await expectEvent(world, client, 'contract:event', event, () => world.query(sql, [id]));
    expect(frame.data).toStrictEqual({
      type: event,
      contractId: id,
      lobbyId: lobby.code,
      timestamp: frame.data.timestamp,
      payload: { ...payloadOf(id, lobby), ...payload },
    });
  });

  it('sends null for every column that is null, and for the code of no lobby', async () => {
    const client = await world.open(driver, somebody());
    const frame = await expectEvent(world, client, 'contract:event', 'contract.created', async () => {
      await world.insert('contracts', { created_at: instants[0].sql, updated_at: instants[1].sql });
    });
    const { id } = frame.data.payload;
    expect(frame.data.lobbyId).toBeNull();
    expect(frame.data.payload).toStrictEqual({
      ...Object.fromEntries(Object.keys(payloadOf(id, { id, code: '' })).map((key) => [key, null])),
      id,
      status: 'created',
      terms: {},
      players: [],
      createdAt: instants[0].wire,
      updatedAt: instants[1].wire,
    });
  });
});
