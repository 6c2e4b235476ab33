/** 10,000 clients of both kinds on one instance: how late events are, and the highest rate that holds. */
import { names } from '../systems/system.js';
import { product } from '../systems/product.js';
import { shapeOf } from '../systems/shape.js';
import { bound, figureOf, print } from '../support/compare.js';
import { contractWriters } from '../support/pace.js';
import type { Context, Outcome, Part } from '../support/part.js';
import { highest, trial, type Trial } from './rate.js';

/** Beyond this a crowd is not served any more, in milliseconds. */
const bearableMs = 1000;

async function run({ repeats, quick, postgres }: Context): Promise<Outcome> {
  const clients = quick ? 400 : 10_000;
  const seconds = quick ? 1 : 8;
  const scenario = (what: string) => `${clients.toLocaleString('en')} mixed clients, ${what}`;
  const system = await product({
    protocol: 'mixed',
    postgres: await postgres(),
    shape: shapeOf(clients, 0, 0),
    generators: 2,
  });
  const source = await contractWriters(system.databaseUrl);
  try {
    await trial(system, source, 25, quick ? 1 : 3);
    const at50: Trial[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) at50.push(await trial(system, source, 50, seconds));
    const p99 = figureOf(
      names.mixed,
      at50.map((run) => run.p99),
    );
    const best = await highest(
      100,
      (run) => run.p99 < bearableMs && run.flat,
      (rate) => trial(system, source, rate, seconds),
    );
    const note = (run: Trial | undefined) =>
      run &&
      `p50 ${run.p50} ms, p99 ${run.p99} ms, load generator busy ${(run.loadShare * 100).toFixed(0)} %`;
    const share = Math.max(...at50.map(({ loadShare }) => loadShare));
    return {
      measurements: [
        print({
          scenario: scenario('50 events/s to all: p99'),
          unit: 'ms from the trigger to the client',
          better: 'less',
          figures: [{ ...p99, note: `load generator busy ${(share * 100).toFixed(0)} %` }],
        }),
        print({
          scenario: scenario('highest rate with p99 < 1 s and a flat lag'),
          unit: 'events a second',
          better: 'more',
          figures: [{ ...figureOf(names.mixed, best ? [best.rate] : [0]), note: note(best) ?? 'none holds' }],
        }),
      ],
      verdicts: [bound(scenario('50 events/s: p99, nothing lost'), p99.median, { atMost: 180 }, 'ms')],
    };
  } finally {
    await source.stop();
    await system.stop();
  }
}

export const crowd: Part = { name: 'crowd', about: '10,000 clients of both kinds', run };
