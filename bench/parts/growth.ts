/** The same at 1, 10 and 100 times the size: what grows how. */
import { shapeOf, type Shape } from '../systems/shape.js';
import { product } from '../systems/product.js';
import { withTriggers } from '../writers/variants.js';
import { compare, medianOf, print, figureOf } from '../support/compare.js';
import { connect, startPostgres } from '../support/databases.js';
import type { Context, Measurement, Outcome, Part } from '../support/part.js';
import { cpuSeconds } from '../support/processes.js';
import { efficiency } from './fanout.js';
import { contractWriters } from '../support/pace.js';
import { trial } from './rate.js';

const named = (count: number, what: string) => ({ name: `${count.toLocaleString('en')} ${what}`, count });

/** Microseconds of the server's CPU a delivery. */
async function aDelivery(
  { postgres }: Context,
  shape: Shape,
  rounds: number,
  generators: number,
): Promise<number> {
  const system = await product({ protocol: 'raw', postgres: await postgres(), shape, generators });
  try {
    if (shape.rooms.length === 0) {
      await efficiency(system, 3, { each: 1 }, shape.clients, () => system.everyone(1));
      return 1000 / (await efficiency(system, rounds, { each: 1 }, shape.clients, () => system.everyone(1)));
    }
    const deliveries = shape.rooms.length * (shape.rooms[0]?.length ?? 0);
    const expected = { each: deliveries / shape.clients };
    await efficiency(system, 1, expected, deliveries, () => system.rooms?.());
    return 1000 / (await efficiency(system, rounds, expected, deliveries, () => system.rooms?.()));
  } finally {
    await system.stop();
  }
}

function clients(context: Context): Promise<Measurement> {
  return compare({
    scenario: 'growth: one event in flight',
    unit: 'µs of the server’s CPU a delivery',
    better: 'less',
    systems: (context.quick ? [10, 100] : [100, 1000, 10_000]).map((count) => named(count, 'clients')),
    repeats: Math.min(context.repeats, 3),
    warmUp: false,
    one: ({ count }) =>
      aDelivery(
        context,
        shapeOf(count, 0, 0),
        Math.ceil((context.quick ? 1e3 : 1e5) / count),
        count > 5000 ? 2 : 1,
      ),
  });
}

function rooms(context: Context): Promise<Measurement> {
  return compare({
    scenario: 'growth: rooms of 4, one event each',
    unit: 'µs of the server’s CPU a delivery',
    better: 'less',
    systems: (context.quick ? [50, 500] : [250, 2500, 25_000]).map((count) => named(count, 'rooms')),
    repeats: Math.min(context.repeats, 3),
    warmUp: false,
    one: ({ count }) =>
      aDelivery(context, shapeOf(Math.min(count, 1000), count, 4), Math.ceil(12_500 / count), 1),
  });
}

/** Instances of which each reads everything: the CPU of all of them together, for each event. */
async function instances({ quick }: Context): Promise<Measurement> {
  const postgres = await startPostgres({ cores: '0-1' });
  try {
    return await compare({
      scenario: 'growth: instances on one database',
      unit: 'transactions a second of 32 writers',
      systems: (quick ? [1, 2] : [1, 10]).map((count) => named(count, 'instances')),
      repeats: 1,
      warmUp: false,
      async one({ count }) {
        const variant = await withTriggers(postgres, count);
        try {
          return (await variant.write(32, quick ? 1 : 5)).tps;
        } finally {
          await variant.stop();
        }
      },
    });
  } finally {
    await postgres.stop();
  }
}

/** A log that is long already: how late a new event is, and what it costs the server. */
async function log(context: Context): Promise<Measurement[]> {
  const lengths = context.quick ? [1000, 10_000] : [10_000, 100_000, 1_000_000];
  const database = await context.postgres();
  const system = await product({ protocol: 'raw', postgres: database, shape: shapeOf(4, 0, 0) });
  const writers = await contractWriters(system.databaseUrl);
  const client = await connect(system.databaseUrl);
  const seconds = context.quick ? 1 : 4;
  const delays = [];
  const costs = [];
  let written = 0;
  try {
    for (const length of lengths) {
      const { arrived } = await system.load.expect({ each: length - written });
      while (written < length) {
        const count = Math.min(1000, length - written);
        await writers.make(count);
        written += count;
      }
      await arrived;
      await client.query('checkpoint');
      const before = cpuSeconds(system.pid);
      const run = await trial(system, writers, 500, seconds);
      written += 500 * seconds;
      const { name } = named(length, 'events in the log');
      delays.push(figureOf(name, [run.p99]));
      costs.push(figureOf(name, [((cpuSeconds(system.pid) - before) * 1e6) / (500 * seconds)]));
    }
  } finally {
    await client.end();
    await writers.stop();
    await system.stop();
  }
  const scenario = 'growth: 500 events/s to 4 clients, by the length of the log';
  return [
    print({ scenario: `${scenario}: p99`, unit: 'ms', better: 'less', figures: delays }),
    print({
      scenario: `${scenario}: cost`,
      unit: 'µs of the server’s CPU an event',
      better: 'less',
      figures: costs,
    }),
  ];
}

async function run(context: Context): Promise<Outcome> {
  const measurements = [
    await clients(context),
    await rooms(context),
    await instances(context),
    ...(await log(context)),
  ];
  return {
    measurements,
    verdicts: measurements
      .filter(({ better }) => better === 'less')
      .map((measurement) => {
        const [first, last] = [
          measurement.figures[0]?.system ?? '',
          measurement.figures.at(-1)?.system ?? '',
        ];
        const times = medianOf(measurement, last) / medianOf(measurement, first);
        return {
          what: `${measurement.scenario}: ${last} ÷ ${first}`,
          // Caches and the kernel's tables take their share; ten times would be a list that is searched.
          wanted: '≤ 3',
          got: times.toFixed(2),
          holds: times <= 3,
        };
      }),
  };
}

export const growth: Part = { name: 'growth', about: 'the same at 1, 10 and 100 times the size', run };
