import { describe, expect, it } from 'vitest';
import { Backoff } from '../../../src/log/backoff.js';

describe('Backoff', () => {
  it('doubles up to its longest, between half and all of a step, and begins anew after a reset', () => {
    let random = 0;
    const backoff = new Backoff({ firstMs: 100, maxMs: 500, random: () => random });
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([50, 100, 200, 250]);
    random = 1;
    expect(backoff.next()).toBe(500);
    backoff.reset();
    expect(backoff.next()).toBe(100);
  });

  it('stays at its longest after any number of attempts', () => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 5000, random: () => 1 });
    for (let attempt = 0; attempt < 5000; attempt++) backoff.next();
    expect(backoff.next()).toBe(5000);
  });
});
