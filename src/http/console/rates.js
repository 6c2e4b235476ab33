/** What the charts show: the last minute in seconds, of events, latencies and round trips. */

export const seconds = 60;

/** @param {number[]} values */
export function medianOf(values) {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const emptySecond = () => ({ events: 0, latencies: [], roundTrips: [] });

export class Rates {
  #past = Array.from({ length: seconds }, emptySecond);
  #now = emptySecond();

  /** @param {number | undefined} latencyMs none for what was replayed */
  event(latencyMs) {
    this.#now.events += 1;
    // Enough for a median; a flood must not fill the memory.
    if (latencyMs !== undefined && this.#now.latencies.length < 1000) this.#now.latencies.push(latencyMs);
  }

  /** @param {number} milliseconds */
  roundTrip(milliseconds) {
    this.#now.roundTrips.push(milliseconds);
  }

  /** Ends a second: called once in each. */
  tick() {
    this.#past.push(this.#now);
    this.#past.shift();
    this.#now = emptySecond();
  }

  /** @returns {{events: number[], latencies: (number | undefined)[], roundTrips: (number | undefined)[]}} oldest first */
  get minute() {
    return {
      events: this.#past.map(({ events }) => events),
      latencies: this.#past.map(({ latencies }) => medianOf(latencies)),
      roundTrips: this.#past.map(({ roundTrips }) => medianOf(roundTrips)),
    };
  }
}
