/** Whether a log is still the one that was read before: a database can be put back to an earlier state of its own. */
import type { LogSession } from './session.js';

/** A place in the log, and when the entry there was made: by that it is known again. */
export interface Place {
  readonly seq: number;
  /** In milliseconds; undefined where there was no entry. */
  readonly at: number | undefined;
}

/** The head, though another instance may be numbering: it is done within milliseconds. */
export async function headOf(session: LogSession): Promise<Place> {
  let seq = await session.advance();
  while (seq === null) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    seq = await session.advance();
  }
  const [last] = await session.read(seq - 1, 1);
  return { seq, at: last?.seq === seq ? last.at : undefined };
}

/** Whether the log has, at the place, the entry that was read there. One that is no longer kept counts as there. */
export async function holdsPlace(session: LogSession, { seq, at }: Place): Promise<boolean> {
  const [entry] = await session.read(seq - 1, 1);
  if (entry?.seq === seq) return at === undefined || entry.at === at;
  if ((await session.floor()) >= seq) return true;
  return at === undefined && ((await session.advance()) ?? seq) >= seq;
}
