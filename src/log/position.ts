/** Where in the log a client is: an opaque string of the epoch and a seq. */

export interface Position {
  readonly epoch: string;
  readonly seq: number;
}

/** `<epoch>-<seq in base 36>`. */
export const cursorOf = (epoch: string, seq: number): string => `${epoch}-${seq.toString(36)}`;

const form = /^([0-9a-f]{1,32})-([0-9a-z]{1,10})$/;

/** Null for anything that is no cursor; total on hostile input. */
export function parseCursor(cursor: string): Position | null {
  const match = form.exec(cursor);
  if (!match?.[1] || !match[2]) return null;
  const seq = Number.parseInt(match[2], 36);
  return Number.isSafeInteger(seq) ? { epoch: match[1], seq } : null;
}
