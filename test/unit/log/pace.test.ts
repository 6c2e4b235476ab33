import { describe, expect, it } from 'vitest';
import { Pace } from '../../../src/log/pace.js';

describe('Pace', () => {
  const nothing = { found: false, skipped: 7 };
  const something = { found: true, skipped: 7 };

  it('looks again soon after somebody has skipped the bell, then ever less often, down to the sweep', () => {
    const pace = new Pace({ busyMs: 3, sweepMs: 20 });
    pace.next({ found: false, skipped: 6 });
    for (const found of [false, true]) {
      expect(pace.next({ found, skipped: found ? 8 : 7 })).toBe(3);
      const after = { found: false, skipped: found ? 8 : 7 };
      expect([1, 2, 3, 4].map(() => pace.next(after))).toEqual([6, 12, 20, 20]);
    }
  });

  it('goes on so, whatever of others is found meanwhile', () => {
    const pace = new Pace({ busyMs: 3, sweepMs: 1000 });
    expect([1, 2, 3].map(() => pace.next(something))).toEqual([3, 6, 12]);
    expect(pace.next(nothing)).toBe(24);
  });

  it('looks once more, and then at the sweep, where nobody has skipped it', () => {
    const pace = new Pace({ busyMs: 3, sweepMs: 1000 });
    for (let n = 0; n < 10; n++) pace.next(nothing);
    expect([something, nothing, something, something, nothing].map((look) => pace.next(look))).toEqual([
      50, 1000, 50, 50, 1000,
    ]);
  });

  it('looks again soon after everything found, where skipping is not counted', () => {
    const pace = new Pace({ busyMs: 3, sweepMs: 20 });
    expect(pace.next({ found: false, skipped: null })).toBe(20);
    expect(pace.next({ found: true, skipped: null })).toBe(3);
    const waits = [1, 2, 3, 4].map(() => pace.next({ found: false, skipped: null }));
    expect(waits).toEqual([6, 12, 20, 20]);
    expect(pace.next({ found: true, skipped: null })).toBe(3);
  });
});
