import { describe, expect, it } from 'vitest';
import { Subscriptions, type SubscriptionsOptions } from '../../src/routing/subscriptions.js';
import { Hub } from '../../src/routing/hub.js';
import { Outgoing } from '../../src/protocol/outgoing.js';
import type { Batch } from '../../src/routing/batch.js';
import type { Feed } from '../../src/log/feed.js';
import { Connection, type Wire } from '../../src/transports/connection.js';

const lobby = (code: string) => ({
  room: `lobby:${code}`,
  lobbyId: code,
  lobbyCode: code,
  participant: false,
  allowed: true,
});

function connectionWith({
  wire = {},
  lapsed = [],
}: { wire?: Partial<Wire>; lapsed?: string[] } = {}): Connection {
  const connection = new Connection('id', 'p', wire as Wire);
  for (const room of lapsed) connection.lapsed.add(room);
  return connection;
}

/** Subscriptions to lobbies that are there and allowed, unless `parts` say otherwise, and the barriers they wait at. */
function subscriptionsWith(parts: {
  door?: Partial<SubscriptionsOptions['door']>;
  memberships?: Partial<SubscriptionsOptions['memberships']>;
  flush?: () => void;
}) {
  const barriers: (() => void)[] = [];
  const subscriptions = new Subscriptions({
    feed: { atBarrier: (callback: () => void) => void barriers.push(callback) } as Feed,
    door: { enter: () => undefined, leave: () => undefined, ...parts.door },
    memberships: {
      subscribable: async (_player, code) => lobby(code),
      of: async () => [],
      roomAmong: async (_rooms, code) => `lobby:${code}`,
      movesAfter: async () => [],
      ...parts.memberships,
    },
    roomsOf: () => [],
    flush: parts.flush ?? (() => undefined),
    maxSubscriptions: 10,
  });
  return { subscriptions, barriers };
}

describe('a refusal', () => {
  it('comes no sooner for a lobby that is not there than for one that takes longer to look at', async () => {
    const { subscriptions } = subscriptionsWith({ memberships: { subscribable: async () => null } });
    const began = performance.now();
    expect(await subscriptions.subscribe(connectionWith(), 'nowhere')).toBe('SUBSCRIBE_DENIED');
    // A timer may fire in the last millisecond before its time.
    expect(performance.now() - began).toBeGreaterThan(1.9);
  });
});

describe('a subscription whose right ends between its reading and its place in the log', () => {
  it('is read again there, and denied', async () => {
    const readings = [true, false];
    const entered: string[] = [];
    const { subscriptions, barriers } = subscriptionsWith({
      door: { enter: (_connection, room) => void entered.push(room) },
      memberships: {
        subscribable: async (_player, code) => ({ ...lobby(code), allowed: readings.shift() ?? false }),
      },
    });
    const connection = connectionWith();
    const answer = subscriptions.subscribe(connection, '1');
    await expect.poll(() => barriers.length).toBe(1);
    expect(entered).toEqual([]);
    subscriptions.roomChanged('lobby:1');
    barriers.shift()?.();
    expect(await answer).toBe('SUBSCRIBE_DENIED');
    expect(entered).toEqual([]);
  });
});

describe('a subscription whose right ends while it is read', () => {
  it.each([
    ['by an entry that is handed out before the answer is here', 'lobby:1'],
    ['by what the log cannot tell', null],
  ])('is read again, and denied: %s', async (_name, changed) => {
    const entered: string[] = [];
    let readings = 0;
    const { subscriptions, barriers } = subscriptionsWith({
      door: { enter: (_connection, room) => void entered.push(room) },
      memberships: {
        async subscribable(_player, code) {
          if (++readings > 1) return { ...lobby(code), allowed: false };
          subscriptions.roomChanged(changed);
          return lobby(code);
        },
      },
    });
    const answer = subscriptions.subscribe(connectionWith(), '1');
    await expect.poll(() => barriers.length).toBe(1);
    barriers.shift()?.();
    expect(await answer).toBe('SUBSCRIBE_DENIED');
    expect(entered).toEqual([]);
  });
});

describe('a subscription that ends while a backlog is gathered', () => {
  it('has been told what it is due when its end is acknowledged, and is told nothing after', async () => {
    const hub = new Hub({
      onDelivered() {},
      onTold() {},
      onSlow() {},
      onBroken: (_connection, error) => expect.fail(String(error)),
    });
    const told: string[] = [];
    const connection = connectionWith({
      wire: {
        transport: 'websocket',
        framing: 'raw',
        writeBatch: (batch: Batch) => told.push(`${batch.count} events`) > 0,
      },
    });
    connection.live = true;
    connection.subscribe('lobby:1');
    hub.joined('lobby:1', connection);
    const { subscriptions } = subscriptionsWith({
      door: { leave: (_connection, room) => hub.left(room, connection) },
      flush: () => hub.flush(),
    });
    hub.deliver(new Outgoing('storage:event', '{}'), hub.inRoom('lobby:1'));
    await subscriptions.unsubscribe(connection, '1');
    told.push('acknowledged');
    hub.deliver(new Outgoing('storage:event', '{}'), hub.inRoom('lobby:1'));
    hub.flush();
    expect(told).toEqual(['1 events', 'acknowledged']);
  });
});

describe('a subscription that is taken up again', () => {
  it('is left alone when its client has unsubscribed meanwhile', async () => {
    const rooms = new Set<string>();
    const { subscriptions, barriers } = subscriptionsWith({
      door: {
        enter: (_connection, room) => void rooms.add(room),
        leave: (_connection, room) => void rooms.delete(room),
      },
    });
    const connection = connectionWith({ lapsed: ['lobby:1', 'lobby:2'] });
    const renewed = subscriptions.renew(connection);
    await expect.poll(() => barriers.length).toBe(2);
    await subscriptions.unsubscribe(connection, '2');
    for (const callback of barriers) callback();
    await renewed;
    expect([...rooms]).toEqual(['lobby:1']);
    expect([...connection.subscriptions]).toEqual(['lobby:1']);
  });
});
