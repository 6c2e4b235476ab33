import { describe, expect, it } from 'vitest';
import { createShutdown } from '../../../src/cli/signals.js';

function setUp(stop: () => Promise<void> = () => new Promise(() => undefined)) {
  const seen = { now: 0, stops: 0, exits: [] as number[], errors: [] as unknown[] };
  const onSignal = createShutdown({
    stop: () => {
      seen.stops += 1;
      return stop();
    },
    exit: (code) => void seen.exits.push(code),
    onError: (error) => void seen.errors.push(error),
    now: () => seen.now,
  });
  return { seen, onSignal };
}

describe('createShutdown', () => {
  it('stops at the first signal and exits 0 when that is done', async () => {
    let finish = () => undefined as void;
    const { seen, onSignal } = setUp(() => new Promise((resolve) => (finish = resolve)));
    onSignal('SIGTERM');
    expect(seen).toMatchObject({ stops: 1, exits: [] });
    finish();
    await Promise.resolve();
    expect(seen.exits).toEqual([0]);
  });

  it('takes signals within a second for the same one, of whatever kind', () => {
    const { seen, onSignal } = setUp();
    onSignal('SIGINT');
    seen.now = 3;
    onSignal('SIGINT');
    seen.now = 1_000;
    onSignal('SIGTERM');
    expect(seen).toMatchObject({ stops: 1, exits: [] });
  });

  it('exits 1 at once at a signal more than a second later', () => {
    const { seen, onSignal } = setUp();
    onSignal('SIGINT');
    seen.now = 1_001;
    onSignal('SIGINT');
    expect(seen).toMatchObject({ stops: 1, exits: [1] });
  });

  it('exits 1 when stopping fails, and says why', async () => {
    const failure = new Error('x');
    const { seen, onSignal } = setUp(() => Promise.reject(failure));
    onSignal('SIGTERM');
    await Promise.resolve();
    await Promise.resolve();
    expect(seen).toMatchObject({ exits: [1], errors: [failure] });
  });
});
