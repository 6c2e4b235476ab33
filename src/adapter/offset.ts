/** The offset a client shows when it comes back: its place in the log, and what `socket.emit()` sent it there. */
import { cursorOf, parseCursor } from '../log/position.js';

export interface Offset {
  readonly epoch: string;
  readonly seq: number;
  /** How many packets of its own it has got since that entry. */
  readonly own: number;
}

/** `<cursor>` or `<cursor>.<own>`. */
export const offsetText = ({ epoch, seq, own }: Offset): string =>
  own === 0 ? cursorOf(epoch, seq) : `${cursorOf(epoch, seq)}.${own}`;

/** Null for anything that is no offset; total on hostile input. */
export function parseOffset(text: string): Offset | null {
  const match = /^([^.]{1,64})(?:\.([0-9]{1,9}))?$/.exec(text);
  const position = match?.[1] === undefined ? null : parseCursor(match[1]);
  return position && { ...position, own: Number(match?.[2] ?? 0) };
}

type Place = Pick<Offset, 'seq' | 'own'>;

export const isAfter = (one: Place, other: Place): boolean =>
  one.seq > other.seq || (one.seq === other.seq && one.own > other.own);
