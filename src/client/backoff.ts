/** When to come back after a connection ended, by its close code; or never. */

export interface BackoffOptions {
  /** The first wait after a broken connection, in milliseconds; it doubles with each further failure. */
  readonly minMs: number;
  /** The longest wait, in milliseconds; that for TOO_MANY_* is never shorter than its own first. */
  readonly maxMs: number;
}

/** How many times the usual first wait: the server asks for patience, or refuses because there was too little. */
const patience: Readonly<Record<number, number>> = { 1013: 4, 4429: 40 };

/**
 * Milliseconds until the next attempt: half of it sure, half by chance, so that those who were cut off together do
 * not come back together.
 * @param attempt how many attempts in a row have failed before
 */
export function delayMs(code: number, attempt: number, random: number, options: BackoffOptions): number {
  const first = options.minMs * (patience[code] ?? 1);
  const most = Math.min(Math.max(options.maxMs, first), first * 2 ** Math.min(attempt, 30));
  return (most / 2) * (1 + random);
}
