/** How far this machine's clock is from the server's, by pings, so that a latency means something on both. */

const kept = 20;

/** Epoch milliseconds, finer than `Date.now()`. @param {number} at as `performance.now()` gives it */
const epochMs = (at) => performance.timeOrigin + at;

export class ServerClock {
  #samples = [];

  /** @param {number} sentAt @param {number} receivedAt @param {string} timestamp the server's, between the two */
  observe(sentAt, receivedAt, timestamp) {
    const offsetMs = Date.parse(timestamp) - epochMs((sentAt + receivedAt) / 2);
    this.#samples.push({ roundTripMs: receivedAt - sentAt, offsetMs });
    if (this.#samples.length > kept) this.#samples.shift();
  }

  /** How many pings it rests on. */
  get samples() {
    return this.#samples.length;
  }

  /** The server's minus ours, in milliseconds; of the quickest ping, whose middle is known best. 0 before the first. */
  get offsetMs() {
    let best;
    for (const sample of this.#samples) {
      if (best === undefined || sample.roundTripMs < best.roundTripMs) best = sample;
    }
    return best?.offsetMs ?? 0;
  }

  /** How long ago, in milliseconds, that was at the server. Never less than 0. @param {string} timestamp */
  since(timestamp) {
    return Math.max(0, epochMs(performance.now()) + this.offsetMs - Date.parse(timestamp));
  }
}
