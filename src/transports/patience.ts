/** A time limit for others: while this process is too busy to look, its clock stands still. */

/** In how many looks a limit is spent. What has arrived meanwhile is handled between two of them. */
const looks = 20;

/**
 * Calls back after `limitMs`, or later where the event loop did not come round: thousands that come at once must not
 * be turned away for being kept waiting. Returns what calls it off.
 */
export function patience(limitMs: number, onOver: () => void): () => void {
  let left = looks;
  let timer = setTimeout(look, limitMs / looks);
  function look(): void {
    if (--left === 0) onOver();
    else timer = setTimeout(look, limitMs / looks);
  }
  return () => clearTimeout(timer);
}
