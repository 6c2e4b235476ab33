import { describe, expect, it } from 'vitest';
import { Subscriptions } from '../../src/routing/subscriptions.js';
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
      maxSubscriptions: 10,
    });
    const connection = {
      playerId: 'p',
      closed: false,
      subscriptions: new Set(),
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
