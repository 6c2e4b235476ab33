/** Whether a number grows: the straight line through its samples, and what it means over the time that was looked at. */

export interface Sample {
  /** Milliseconds, of any clock. */
  readonly at: number;
  readonly value: number;
}

/** The slope of the least squares line through the samples, per minute. */
export function slopePerMinute(samples: readonly Sample[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const middle = mean(samples.map(({ at }) => at));
  const average = mean(samples.map(({ value }) => value));
  let [along, across] = [0, 0];
  for (const { at, value } of samples) {
    along += (at - middle) ** 2;
    across += (at - middle) * (value - average);
  }
  return along === 0 ? 0 : (across / along) * 60_000;
}

/** How much the line rises over the later half of the samples; the earlier one is for getting warm. */
export function riseOfLaterHalf(samples: readonly Sample[]): number {
  const later = samples.slice(Math.floor(samples.length / 2));
  const first = later[0];
  const last = later.at(-1);
  if (!first || !last || later.length < 3) return 0;
  return (slopePerMinute(later) * (last.at - first.at)) / 60_000;
}
