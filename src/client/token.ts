/** When a token has to be replaced. */

/** When the token runs out, in milliseconds of the epoch; undefined if it does not say. It is read, not verified. */
export function expiryOf(token: string): number | undefined {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const { exp } = JSON.parse(atob(payload)) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    // No JWT: the server judges it, and ends the connection when it is over.
    return undefined;
  }
}

const earlyMs = 30_000;
const soonestMs = 1000;

/** How long to wait before a new one is asked for, in milliseconds: 30 s before the end, or for the last quarter. */
export function refreshDelayMs(expiresAt: number, now: number): number {
  const left = expiresAt - now;
  return Math.max(soonestMs, left - Math.min(earlyMs, left / 4));
}
