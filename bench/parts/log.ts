/** How many events a second go through the log into one instance with few clients, while the lag stays flat. */
import { names } from '../systems/system.js';
import { product } from '../systems/product.js';
import { shapeOf } from '../systems/shape.js';
import { bound, compare, medianOf } from '../support/compare.js';
import { contractWriters } from '../support/pace.js';
import type { Context, Outcome, Part } from '../support/part.js';
import { highest, trial, type Trial } from './rate.js';

/** Events a transaction: fewer, and the writers would be what is measured. */
const together = 10;

async function run({ repeats, quick, postgres }: Context): Promise<Outcome> {
  const system = await product({ protocol: 'mixed', postgres: await postgres(), shape: shapeOf(4, 0, 0) });
  const writers = await contractWriters(system.databaseUrl);
  const source = { ...writers, together };
  let last: Trial | undefined;
  try {
    await trial(system, source, 1000, 1);
    const measured = await compare({
      scenario: `events through the log into one instance with 4 clients, ${together} a transaction`,
      unit: 'events a second, lag flat',
      systems: [system],
      repeats: Math.min(repeats, 3),
      warmUp: false,
      async one() {
        last = await highest(
          quick ? 500 : 4000,
          ({ p99, flat }) => flat && p99 < 1000,
          (rate) => trial(system, source, rate, quick ? 1 : 6),
        );
        return last?.rate ?? 0;
      },
      note: () => last && `last: p50 ${last.p50} ms, p99 ${last.p99} ms`,
    });
    return {
      measurements: [measured],
      verdicts: [bound(measured.scenario, medianOf(measured, names.mixed), { atLeast: 5000 }, 'events/s')],
    };
  } finally {
    await writers.stop();
    await system.stop();
  }
}

export const log: Part = { name: 'log', about: 'events a second through the log', run };
