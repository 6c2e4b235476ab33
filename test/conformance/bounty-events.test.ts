/** Bounty events: each transition of a row, and the exact frame it becomes. */
import { describe, expect, it } from 'vitest';
import { drivers } from './drivers.js';
import { expectEvent, instants, maxUint256 } from './frames.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();

const row = {
  title: 'Find "it"\n\\ and tell 🦊',
  reward_amount: maxUint256,
  token: '0x70ce7',
  created_by: 'patron',
  created_at: instants[0].sql,
  updated_at: instants[1].sql,
};
const at = instants[2];

const transitions = [
  {
    event: 'bounty.claimed',
    sql: `update bounties set claimed_by = 'bob', claimed_at = '${at.sql}', status = 'claimed' where id = $1`,
    payload: { claimedBy: 'bob', claimedAt: at.wire, status: 'claimed' },
  },
  {
    event: 'bounty.completed',
    sql: `update bounties set completed_at = '${at.sql}' where id = $1`,
    payload: { completedAt: at.wire },
  },
  {
    event: 'bounty.cancelled',
    sql: `update bounties set cancelled_at = '${at.sql}' where id = $1`,
    payload: { cancelledAt: at.wire },
  },
  { event: 'bounty.deleted', sql: 'delete from bounties where id = $1', payload: {} },
];

const payloadOf = (id: string, lobby: { id: string; code: string }) => ({
  id,
  lobbyId: lobby.id,
  title: 'Find "it"\n\\ and tell 🦊',
  rewardAmount: maxUint256,
  token: '0x70ce7',
  status: 'open',
  createdBy: 'patron',
  claimedBy: null,
  claimedAt: null,
  completedAt: null,
  cancelledAt: null,
  createdAt: instants[0].wire,
  updatedAt: instants[1].wire,
  lobbyCode: lobby.code,
});

describe.each(drivers)('bounty events: $name', (driver) => {
  it('sends bounty.created with the whole bounty', async () => {
    const lobby = await world.lobby();
    const client = await world.open(driver, somebody());
    const frame = await expectEvent(world, client, 'bounty:event', 'bounty.created', () =>
      world.insert('bounties', { lobby_id: lobby.id, ...row }),
    );
    const id = frame.data.payload.id;
    expect(frame.data).toStrictEqual({
      type: 'bounty.created',
      bountyId: id,
      lobbyId: lobby.code,
      timestamp: frame.data.timestamp,
      payload: payloadOf(id, lobby),
    });
  });

  it.each(transitions)('sends $event', async ({ event, sql, payload }) => {
    const lobby = await world.lobby();
    const { id } = await world.insert('bounties', { lobby_id: lobby.id, ...row });
    const client = await world.open(driver, somebody());
    const frame = await expectEvent(world, client, 'bounty:event', event, () => world.query(sql, [id]));
    expect(frame.data).toStrictEqual({
      type: event,
      bountyId: id,
      lobbyId: lobby.code,
      timestamp: frame.data.timestamp,
      payload: { ...payloadOf(id, lobby), ...payload },
    });
  });

  it('sends null for every column that is null, and for the code of no lobby', async () => {
    const client = await world.open(driver, somebody());
    const frame = await expectEvent(world, client, 'bounty:event', 'bounty.created', () =>
      world.insert('bounties', { title: 'plain', created_by: 'patron' }),
    );
    expect(frame.data.lobbyId).toBeNull();
    expect(frame.data.payload).toMatchObject({
      lobbyId: null,
      lobbyCode: null,
      rewardAmount: null,
      token: null,
      claimedBy: null,
    });
  });
});
