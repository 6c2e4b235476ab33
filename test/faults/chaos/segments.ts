/** What a client was told, in pieces: each begins at a place in a log, and goes on from there without a hole. */
import { parseCursor } from '../../../src/log/position.js';
import type { Follower, Told } from '../support/followers.js';

export interface Segment {
  /** Of the log. */
  readonly epoch: string;
  /** It is told what follows this seq. */
  readonly after: number;
  /** Where in what the client was told it begins, and what it holds. */
  readonly from: number;
  readonly told: readonly Told[];
  /** The client stands at its end: nothing may be missing. */
  readonly last: boolean;
}

export const seqOf = (id: string): number => parseCursor(id)?.seq ?? -1;
export const epochOf = (id: string): string => parseCursor(id)?.epoch ?? '';

/** @param inLog whether the log says that this error had to be told at its place: then nothing begins anew there */
export function segmentsOf(follower: Follower, inLog: (id: string) => boolean): Segment[] {
  const { told, marks } = follower;
  const begins = marks.flatMap(({ what, at, cursor }) => (what === 'begun' ? [{ at, cursor }] : []));
  told.forEach(({ type, id }, index) => {
    if (type === 'error' && !inLog(id)) begins.push({ at: index + 1, cursor: id });
  });
  // Of those at the same place the last one counts; one that does not say where it is least.
  begins.sort((one, other) => one.at - other.at);
  const places = new Map<number, string | undefined>();
  for (const { at, cursor } of begins) places.set(at, cursor ?? places.get(at));
  const starts = [...places];
  return starts.flatMap(([from, cursor], index) => {
    const until = starts[index + 1]?.[0] ?? told.length;
    const own = told.slice(from, until).filter(({ type, id }) => type !== 'error' || inLog(id));
    // Where that is shows with what it is told first.
    const place = cursor ?? own[0]?.id;
    if (place === undefined) return [];
    const after = cursor === undefined ? seqOf(place) - 1 : seqOf(place);
    return [{ epoch: epochOf(place), after, from, told: own, last: index === starts.length - 1 }];
  });
}
