import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Readers } from '../../../src/routing/readers.js';
import { Connection, type Wire } from '../../../src/transports/connection.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A client that takes so many bytes every 10 ms. */
class Client {
  unsent = 0;
  private waiting: (() => void)[] = [];
  readonly connection: Connection;

  constructor(private readonly takes: number) {
    const wire = {
      unsentBytes: () => this.unsent,
      drained: () =>
        this.unsent === 0
          ? Promise.resolve()
          : new Promise<void>((resolve) => void this.waiting.push(resolve)),
    } as unknown as Wire;
    this.connection = new Connection('id', 'player', wire);
    setInterval(() => this.take(), 10);
  }

  private take(): void {
    this.unsent = Math.max(0, this.unsent - this.takes);
    if (this.unsent > 0) return;
    for (const resolve of this.waiting) resolve();
    this.waiting = [];
  }
}

/** How long it takes until they have kept up, in milliseconds. */
async function waitOf(readers: Readers): Promise<number> {
  const began = performance.now();
  let over = false;
  void readers.keepUp().then(() => (over = true));
  await vi.advanceTimersByTimeAsync(0);
  while (!over) await vi.advanceTimersByTimeAsync(1);
  return performance.now() - began;
}

function readersOf(...clients: Client[]): Readers {
  return new Readers(() => clients.map(({ connection }) => connection));
}

describe('the next page of a backlog', () => {
  it('comes at once when everything has been taken', async () => {
    expect(await waitOf(readersOf(new Client(1), new Client(1)))).toBe(0);
  });

  it('waits for who reads, however long the first bytes of it take', async () => {
    const [quick, slow] = [new Client(1000), new Client(10)];
    quick.unsent = slow.unsent = 500;
    const waited = await waitOf(readersOf(quick, slow));
    expect(slow.unsent).toBe(0);
    expect(waited).toBeLessThanOrEqual(510);
  });

  it('does not wait for who reads nothing, but for the others beside it', async () => {
    const [stalled, slow] = [new Client(0), new Client(10)];
    stalled.unsent = 1000;
    slow.unsent = 300;
    const waited = await waitOf(readersOf(stalled, slow));
    expect(slow.unsent).toBe(0);
    expect(waited).toBeLessThanOrEqual(310);
    expect(await waitOf(readersOf(stalled))).toBeLessThanOrEqual(101);
  });

  it('gives no more than a share of the time to who reads a byte now and then', async () => {
    const trickling = new Client(1);
    const readers = readersOf(trickling);
    trickling.unsent = 1_000_000;
    expect(await waitOf(readers)).toBeLessThanOrEqual(1001);
    let waited = 0;
    const began = performance.now();
    for (let page = 0; page < 50; page++) {
      // Reading and routing a page.
      await vi.advanceTimersByTimeAsync(100);
      waited += await waitOf(readers);
    }
    expect(waited / (performance.now() - began)).toBeLessThan(0.25);
  });
});

describe('a process that was too busy to look', () => {
  beforeEach(() => vi.useRealTimers());

  it('does not take for idle who read meanwhile, nor spends its patience', async () => {
    const reader = { unsent: 0, wake: () => undefined as void };
    const wire = {
      unsentBytes: () => reader.unsent,
      drained: () => new Promise<void>((resolve) => (reader.wake = resolve)),
    } as unknown as Wire;
    const readers = new Readers(() => [new Connection('id', 'player', wire)]);
    // More of them than one patience is long.
    for (let page = 0; page < 6; page++) {
      reader.unsent = 1000;
      const kept = readers.keepUp();
      const busyUntil = performance.now() + 250;
      while (performance.now() < busyUntil);
      // As what the network brings: after the timers that were due meanwhile.
      setImmediate(() => {
        reader.unsent = 0;
        reader.wake();
      });
      await kept;
      expect(reader.unsent).toBe(0);
    }
  });
});
