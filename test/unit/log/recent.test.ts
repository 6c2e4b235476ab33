import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryOf, type LogEntry } from '../../../src/log/entry.js';
import { Recent } from '../../../src/log/recent.js';

const entry = (seq: number, data: string | null = null): LogEntry =>
  entryOf({ seq: String(seq), type: 't', room: '*', player: null, effect: null, member: null, data, at: 0 });
const seqs = (entries: readonly LogEntry[]) => entries.map(({ seq }) => seq);

describe('Recent', () => {
  it('holds nothing at first: no reader may go on from it', () => {
    const recent = new Recent();
    expect(recent.start).toBe(Number.POSITIVE_INFINITY);
    expect(recent.after(0)).toEqual([]);
  });

  it('gives what follows a place', () => {
    const recent = new Recent();
    for (const seq of [5, 6, 7]) recent.push(entry(seq));
    expect(recent.start).toBe(4);
    expect(seqs(recent.after(4))).toEqual([5, 6, 7]);
    expect(seqs(recent.after(6))).toEqual([7]);
    expect(recent.after(7)).toEqual([]);
    expect(recent.after(99)).toEqual([]);
    recent.clear();
    expect(recent.start).toBe(Number.POSITIVE_INFINITY);
  });

  it('lets go of an entry as soon as it is dropped', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const recent = new Recent({ maxEntries: 100, maxBytes: 1 << 30 });
    const dropped = (() => {
      const first = entry(1);
      recent.push(first);
      return new WeakRef(first);
    })();
    for (let seq = 2; seq <= 101; seq++) recent.push(entry(seq));
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(dropped.deref()).toBeUndefined();
    expect(recent.start).toBe(1);
  });

  it('is bounded in entries and bytes, keeps the newest, and never has a hole', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 200, max: 20_000 }),
        fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 400 }),
        (maxEntries, maxBytes, sizes) => {
          const recent = new Recent({ maxEntries, maxBytes });
          sizes.forEach((size, index) => recent.push(entry(index + 1, 'x'.repeat(size))));
          const held = recent.after(recent.start);
          expect(held.at(-1)?.seq).toBe(sizes.length);
          expect(seqs(held)).toEqual(held.map((_entry, index) => recent.start + 1 + index));
          expect(held.length).toBeLessThanOrEqual(maxEntries);
          const bytes = held.reduce((sum, { data }) => sum + 200 + (data?.length ?? 0), 0);
          expect(held.length === 1 || bytes <= maxBytes).toBe(true);
          // As many as fit: one more would be too many.
          const one = sizes[recent.start - 1];
          if (recent.start > 0 && held.length < maxEntries)
            expect(bytes + 200 + (one ?? 0)).toBeGreaterThan(maxBytes);
        },
      ),
      { numRuns: 60 },
    );
  });
});
