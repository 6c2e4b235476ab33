import { describe, expect, it } from 'vitest';
import { Subscriptions } from '../../src/routing/subscriptions.js';
import { Hub } from '../../src/routing/hub.js';
import { Outgoing } from '../../src/protocol/outgoing.js';
import type { Batch } from '../../src/routing/batch.js';
import type { Feed } from '../../src/log/feed.js';
import type { Connection } from '../../src/transports/connection.js';

describe('a subscription whose right ends between its reading and its place in the log', () => {
  it('is read again there, and denied', async () => {
    const readings = [true, false];
    const entered: string[] = [];
    const barriers: (() => void)[] = [];
    const subscriptions = new Subscriptions({
      feed: { atBarrier: (callback: () => void) => void barriers.push(callback) } as Feed,
      door: { enter: (_connection, room) => void entered.push(room), leave: () => undefined },
      memberships: {
        subscribable: async () => ({
          room: 'lobby:1',
          lobbyId: '1',
          lobbyCode: 'ONE',
          participant: false,
          allowed: readings.shift() ?? false,
        }),
        of: async () => [],
        roomOf: async () => null,
        movesAfter: async () => [],
      },
      flush: () => undefined,
      maxSubscriptions: 10,
    });
    const connection = {
      playerId: 'p',
      closed: false,
      subscriptions: new Set(),
      lapsed: new Set(),
      memberships: new Set(),
    } as unknown as Connection;
    const answer = subscriptions.subscribe(connection, 'ONE');
    await expect.poll(() => barriers.length).toBe(1);
    expect(entered).toEqual([]);
    subscriptions.roomChanged('lobby:1');
    barriers.shift()?.();
    expect(await answer).toBe('SUBSCRIBE_DENIED');
    expect(entered).toEqual([]);
  });
});

describe('a subscription that ends while a backlog is gathered', () => {
  it('has been told what it is due when its end is acknowledged, and is told nothing after', async () => {
    const hub = new Hub({
      onDelivered() {},
      onSlow() {},
      onBroken: (_connection, error) => expect.fail(String(error)),
    });
    const told: string[] = [];
    const connection = {
      playerId: 'p',
      live: true,
      closed: false,
      subscriptions: new Set(['lobby:1']),
      lapsed: new Set(),
      wire: { transport: 'websocket', writeBatch: (batch: Batch) => told.push(`${batch.count} events`) > 0 },
    } as unknown as Connection;
    hub.joined('lobby:1', connection);
    const subscriptions = new Subscriptions({
      feed: {} as Feed,
      door: { enter: () => undefined, leave: (_connection, room) => hub.left(room, connection) },
      memberships: {
        subscribable: async () => null,
        of: async () => [],
        roomOf: async () => 'lobby:1',
        movesAfter: async () => [],
      },
      flush: () => hub.flush(),
      maxSubscriptions: 10,
    });
    hub.deliver(new Outgoing('storage:event', '{}'), hub.inRoom('lobby:1'));
    await subscriptions.unsubscribe(connection, 'ONE');
    told.push('acknowledged');
    hub.deliver(new Outgoing('storage:event', '{}'), hub.inRoom('lobby:1'));
    hub.flush();
    expect(told).toEqual(['1 events', 'acknowledged']);
  });
});

describe('a subscription that is taken up again', () => {
  it('is left alone when its client has unsubscribed meanwhile', async () => {
    const rooms = new Set<string>();
    const barriers: (() => void)[] = [];
    const subscriptions = new Subscriptions({
      feed: { atBarrier: (callback: () => void) => void barriers.push(callback) } as Feed,
      door: {
        enter: (_connection, room) => void rooms.add(room),
        leave: (_connection, room) => void rooms.delete(room),
      },
      memberships: {
        subscribable: async (_player, lobby) => ({
          room: `lobby:${lobby}`,
          lobbyId: lobby,
          lobbyCode: lobby,
          participant: false,
          allowed: true,
        }),
        of: async () => [],
        roomOf: async (lobby) => `lobby:${lobby}`,
        movesAfter: async () => [],
      },
      flush: () => undefined,
      maxSubscriptions: 10,
    });
    const connection = {
      playerId: 'p',
      closed: false,
      subscriptions: new Set(),
      lapsed: new Set(['lobby:1', 'lobby:2']),
      memberships: new Set(),
    } as unknown as Connection;
    const renewed = subscriptions.renew(connection);
    await expect.poll(() => barriers.length).toBe(2);
    await subscriptions.unsubscribe(connection, '2');
    for (const callback of barriers) callback();
    await renewed;
    expect([...rooms]).toEqual(['lobby:1']);
    expect([...connection.subscriptions]).toEqual(['lobby:1']);
  });
});
