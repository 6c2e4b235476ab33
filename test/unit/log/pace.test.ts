import { describe, expect, it } from 'vitest';
import { Pace } from '../../../src/log/pace.js';

describe('Pace', () => {
  it('looks again soon after something was found, then ever less often, down to the sweep', () => {
    const pace = new Pace({ busyMs: 3, sweepMs: 20 });
    expect(pace.next(false)).toBe(20);
    expect(pace.next(true)).toBe(3);
    expect([pace.next(false), pace.next(false), pace.next(false), pace.next(false)]).toEqual([6, 12, 20, 20]);
    expect(pace.next(true)).toBe(3);
  });
});
