/** Interleaved repeats: what disturbs the machine for a while disturbs every system alike. */
import { Progress } from '../../src/cli/progress.js';
import type { Figure, Measurement, Verdict } from './part.js';
import { aligned } from './statistics.js';

export interface Comparison<S extends { readonly name: string }> {
  readonly scenario: string;
  readonly unit: string;
  readonly better?: 'more' | 'less';
  readonly systems: readonly S[];
  readonly repeats: number;
  /** Whether each system runs once before it counts. */
  readonly warmUp?: boolean;
  /** One run; throws when it lost or doubled a delivery. */
  readonly one: (system: S) => Promise<number>;
  readonly note?: (system: S) => string | undefined;
}

export async function compare<S extends { readonly name: string }>(
  comparison: Comparison<S>,
): Promise<Measurement> {
  const { scenario, unit, better = 'more', systems, repeats, warmUp = true, one, note } = comparison;
  const runs = new Map<S, number[]>(systems.map((system) => [system, []]));
  const voids = new Map<S, number>();
  const progress = new Progress(process.stdout);
  for (let repeat = warmUp ? -1 : 0; repeat < repeats; repeat++) {
    for (const system of systems) {
      progress.begin(
        () => `${scenario}: ${system.name}, ${repeat < 0 ? 'warming up' : `${repeat + 1} of ${repeats}`}`,
      );
      try {
        const value = await one(system);
        if (repeat >= 0) runs.get(system)?.push(value);
      } catch (error) {
        progress.say(`${scenario}, ${system.name}: ${(error as Error).message}`);
        voids.set(system, (voids.get(system) ?? 0) + 1);
      }
    }
  }
  progress.end();
  const figures = systems.map((system) => {
    const text = note?.(system);
    return {
      ...figureOf(system.name, runs.get(system) ?? []),
      void: voids.get(system) ?? 0,
      ...(text !== undefined && { note: text }),
    };
  });
  return print({ scenario, unit, better, figures });
}

export function figureOf(system: string, values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    system,
    median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
    least: sorted[0] ?? Number.NaN,
    most: sorted.at(-1) ?? Number.NaN,
    runs: sorted.length,
    void: 0,
  };
}

/** Shows a measurement as soon as it is there. */
export function print(measurement: Measurement): Measurement {
  const { scenario, unit, figures } = measurement;
  console.log(`\n${scenario} (${unit})`);
  console.log(
    aligned([
      ['', 'median', 'least', 'most', 'runs', ''],
      ...figures.map(({ system, median, least, most, runs, void: lost, note }) => [
        system,
        number(median),
        number(least),
        number(most),
        String(runs),
        [lost > 0 ? `${lost} void` : '', note ?? ''].filter((text) => text !== '').join('; '),
      ]),
    ]),
  );
  return measurement;
}

/** Three digits that count. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}

export const medianOf = ({ figures }: Measurement, system: string): number =>
  figures.find((figure) => figure.system === system)?.median ?? Number.NaN;

/** `system` must reach so many times `other`; nothing to say where the other was not measured. */
export function ratio(measurement: Measurement, system: string, other: string, atLeast: number): Verdict[] {
  const value = medianOf(measurement, system) / medianOf(measurement, other);
  if (!Number.isFinite(value)) return [];
  return [
    {
      what: `${measurement.scenario}: ${system} ÷ ${other}`,
      wanted: `≥ ${atLeast}`,
      got: value.toFixed(2),
      holds: value >= atLeast,
    },
  ];
}

export function bound(
  what: string,
  value: number,
  limit: { readonly atLeast: number } | { readonly atMost: number },
  unit: string,
): Verdict {
  const least = 'atLeast' in limit;
  const at = least ? limit.atLeast : limit.atMost;
  return {
    what,
    wanted: `${least ? '≥' : '≤'} ${number(at)} ${unit}`,
    got: `${number(value)} ${unit}`,
    holds: least ? value >= at : value <= at,
  };
}
