/** How long deliveries took: counted by the millisecond, so that millions of them can be put together. */
import type { Counts } from '../load/messages.js';

export class Delays {
  private readonly all: Counts;
  private readonly quarters: readonly Counts[];

  /** @param parts what each generator has counted, by quarters of the events */
  constructor(parts: readonly (readonly Counts[])[]) {
    this.quarters = [0, 1, 2, 3].map((quarter) => sorted(parts.flatMap((part) => part[quarter] ?? [])));
    this.all = sorted(this.quarters.flat());
  }

  get count(): number {
    return sizeOf(this.all);
  }

  /** Milliseconds that so many percent of the deliveries did not exceed; NaN of none. */
  percentile(percent: number): number {
    return percentileOf(this.all, percent);
  }

  /** The medians of the second quarter and of the last: a lag that grows makes them differ. */
  get trend(): readonly [before: number, after: number] {
    return [percentileOf(this.quarters[1] ?? [], 50), percentileOf(this.quarters[3] ?? [], 50)];
  }

  /** Whether the lag stays what it was, beyond the noise of a few milliseconds. */
  get flat(): boolean {
    const [before, after] = this.trend;
    return after <= 2 * before + 20;
  }
}

const sorted = (counts: Counts): Counts => counts.toSorted(([a], [b]) => a - b);
const sizeOf = (counts: Counts): number => counts.reduce((sum, [, count]) => sum + count, 0);

function percentileOf(counts: Counts, percent: number): number {
  let left = (percent / 100) * sizeOf(counts);
  for (const [ms, count] of counts) {
    left -= count;
    if (left <= 0) return ms;
  }
  return counts.at(-1)?.[0] ?? Number.NaN;
}
