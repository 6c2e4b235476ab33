import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Connection, type Wire } from '../../../src/transports/connection.js';
import { Keeper } from '../../../src/transports/keeper.js';

const leewayMs = 5000;
/** How late a token's end may be noticed. */
const mostMs = 3000;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('ends a connection within three seconds of its token and the leeway, and not before', () => {
  for (const untilEndMs of [0, 1, 999, 1000, 4321]) {
    let closedAt = Number.NaN;
    const wire = {
      tooSlow: () => false,
      write: () => undefined,
      close: () => (closedAt = Date.now()),
    } as unknown as Wire;
    const connection = new Connection('id', 'player', wire);
    connection.expiresAt = Date.now() + untilEndMs;
    const keeper = new Keeper({
      heartbeatIntervalMs: 25_000,
      heartbeatTimeoutMs: 20_000,
      leewayMs,
      engines: () => [],
      connections: () => [connection],
    });
    keeper.start();
    vi.advanceTimersByTime(untilEndMs + leewayMs + 2 * mostMs);
    keeper.stop();
    const late = closedAt - connection.expiresAt - leewayMs;
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThanOrEqual(mostMs);
  }
});
