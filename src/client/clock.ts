/** Time and chance, as the client needs them; a test brings its own. */

export interface Clock {
  /** Milliseconds of the epoch; never goes back. */
  now(): number;
  /** Calls `run` once, `delayMs` from now. Returns what calls it off. */
  after(delayMs: number, run: () => void): () => void;
  /** From 0 to 1. */
  random(): number;
}

/** Timers count in 32 bits: a longer one would fire at once. */
const longestMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, longestMs));
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
