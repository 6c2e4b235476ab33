/** Where in the log a client is: an opaque string of the epoch, a seq, and a mark of the entry there. */

export interface Position {
  readonly epoch: string;
  readonly seq: number;
  /** The mark of the entry at `seq`, if there was one. */
  readonly mark?: string;
}

const marks = 36 ** 4;

/**
 * Tells an entry from another one with the same seq: a database that is put back to an earlier state gives numbers
 * again that clients have seen, for other changes. `at`: the entry's, in milliseconds.
 */
export const markOf = (at: number): string => (Math.round(at * 1000) % marks).toString(36);

/** `<epoch>-<seq in base 36>-<mark>`; without the last where nothing is known of the entry at `seq`. */
export const cursorOf = (epoch: string, seq: number, at?: number): string =>
  `${epoch}-${seq.toString(36)}${at === undefined ? '' : `-${markOf(at)}`}`;

const form = /^([0-9a-f]{1,32})-([0-9a-z]{1,10})(?:-([0-9a-z]{1,4}))?$/;

/** Null for anything that is no cursor; total on hostile input. */
export function parseCursor(cursor: string): Position | null {
  const match = form.exec(cursor);
  if (!match?.[1] || !match[2]) return null;
  const seq = Number.parseInt(match[2], 36);
  if (!Number.isSafeInteger(seq)) return null;
  return { epoch: match[1], seq, ...(match[3] !== undefined && { mark: match[3] }) };
}
