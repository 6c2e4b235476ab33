import { constants, PerformanceObserver } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { beginCollection, Tidy } from '../../../src/transports/tidy.js';

describe('what collects after many clients have come', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function follow() {
    const collect = vi.fn();
    const tidy = new Tidy({ atLeast: 3, atMost: 100, quietMs: 1000, collect });
    return { collect, open: (clients: number) => Array.from({ length: clients }, () => tidy.opened()) };
  }

  it('does so when nobody has come for a while', () => {
    const { collect, open } = follow();
    open(3);
    vi.advanceTimersByTime(999);
    expect(collect).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(collect).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(60_000);
    expect(collect).toHaveBeenCalledTimes(1);
  });

  it('waits as long as clients come', () => {
    const { collect, open } = follow();
    for (let n = 0; n < 10; n++) {
      open(3);
      vi.advanceTimersByTime(900);
    }
    expect(collect).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(collect).toHaveBeenCalledTimes(1);
  });

  it('does not wait for the end of a flood', () => {
    const { collect, open } = follow();
    open(99);
    expect(collect).not.toHaveBeenCalled();
    open(1);
    expect(collect).toHaveBeenCalledTimes(1);
    open(150);
    expect(collect).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(1000);
    expect(collect).toHaveBeenCalledTimes(3);
    vi.advanceTimersByTime(60_000);
    expect(collect).toHaveBeenCalledTimes(3);
  });

  it('does nothing for a few, and counts anew afterwards', () => {
    const { collect, open } = follow();
    open(2);
    vi.advanceTimersByTime(60_000);
    expect(collect).not.toHaveBeenCalled();
    open(1);
    vi.advanceTimersByTime(1000);
    expect(collect).toHaveBeenCalledTimes(1);
    open(2);
    vi.advanceTimersByTime(60_000);
    expect(collect).toHaveBeenCalledTimes(1);
  });
});

it('V8 collects its old generation because of it, and the memory that makes it do so is not taken', async () => {
  const { NODE_PERFORMANCE_GC_MAJOR } = constants;
  // Together V8 says so of memory outside of its heap alone.
  const because =
    constants.NODE_PERFORMANCE_GC_FLAGS_ALL_EXTERNAL_MEMORY |
    constants.NODE_PERFORMANCE_GC_FLAGS_SYNCHRONOUS_PHANTOM_PROCESSING;
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as unknown as { detail: { kind: number; flags: number } };
      if (detail.kind === NODE_PERFORMANCE_GC_MAJOR && (detail.flags & because) === because) collections++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  try {
    // Again, for V8 may be at it already, for a reason of its own.
    const begin = () => {
      const before = process.memoryUsage.rss();
      beginCollection();
      expect(process.memoryUsage.rss() - before).toBeLessThan(32 << 20);
      return collections;
    };
    await expect.poll(begin, { timeout: 30_000, interval: 500 }).toBeGreaterThan(0);
  } finally {
    observer.disconnect();
  }
});
