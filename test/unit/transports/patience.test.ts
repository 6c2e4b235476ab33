import { describe, expect, it } from 'vitest';
import { patience } from '../../../src/transports/patience.js';

const over = (limitMs: number) => new Promise<void>((resolve) => void patience(limitMs, resolve));

describe('patience', () => {
  it('is over after its time', async () => {
    const began = performance.now();
    await over(60);
    expect(performance.now() - began).toBeGreaterThan(55);
  });

  it('is not over because the process was too busy to look', async () => {
    const ended: string[] = [];
    const one = over(200).then(() => ended.push('patience'));
    const busyUntil = performance.now() + 400;
    while (performance.now() < busyUntil);
    await over(20).then(() => ended.push('what came meanwhile'));
    await one;
    expect(ended).toEqual(['what came meanwhile', 'patience']);
  });

  it('never calls back once it was called off', async () => {
    let called = false;
    const callOff = patience(20, () => (called = true));
    callOff();
    await over(60);
    expect(called).toBe(false);
  });
});
