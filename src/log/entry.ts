/** An entry of the ordered log: an event of the catalogue, or something the server itself must act on. */

import type { Outgoing } from '../protocol/outgoing.js';
import type { Fields } from './rows-query.js';

/**
 * What an entry does to rooms, at its place in the order: a player joins or leaves; the room is closed; a membership
 * has ended with its lobby (the room's close follows, and evicts); holders of rights have changed; memberships
 * have changed in a way that must be read again.
 */
export type EntryEffect = 'join' | 'leave' | 'close' | 'ended' | 'rights' | 'reset';

export class LogEntry {
  /** The message that was made of it, or null if it has none: by whoever hands it out, once. */
  message: Outgoing | null | undefined = undefined;
  /** UTF-16 units of the data. */
  readonly length: number;
  private text: string | null;

  constructor(
    /** Its place: dense, the same on every instance. */
    readonly seq: number,
    /** An event of the catalogue, or `realtime.quarantined`, `realtime.truncated`, `realtime.restored`, `realtime.resync`, `realtime.rights`. */
    readonly type: string,
    /** `'*'` everyone, `<prefix>:<id>` a room, null nobody. */
    readonly room: string | null,
    /** A player who gets it besides the room. */
    readonly player: string | null,
    readonly effect: EntryEffect | null,
    /** The player who joins or leaves. */
    readonly member: string | null,
    data: string | null,
    /** When the change was made, in milliseconds of the epoch, by the database's clock. */
    readonly at: number,
  ) {
    this.text = data;
    this.length = data?.length ?? 0;
  }

  /** The message's `data`, final JSON, as the trigger wrote it: handed on without being looked into. */
  get data(): string | null {
    return this.text ?? (this.length > 0 ? (this.message?.data ?? null) : null);
  }

  /** The message has the data from now on: kept twice it would be kept as text, though it has been framed. */
  carriedBy(message: Outgoing): Outgoing {
    this.text = null;
    return (this.message = message);
  }
}

/** What an entry says, for who only looks at it. */
export type EntryFacts = Pick<
  LogEntry,
  'seq' | 'type' | 'room' | 'player' | 'effect' | 'member' | 'data' | 'at'
>;

/** A row of `realtime.read` and its like; `seq` comes as text. */
export type EntryRow = Omit<EntryFacts, 'seq'> & { readonly seq: string };

export const everyoneRoom = '*';

export const entryOf = (row: EntryRow): LogEntry =>
  new LogEntry(Number(row.seq), row.type, row.room, row.player, row.effect, row.member, row.data, row.at);

/** What `entryOfFields` reads: the columns of `realtime.read` and its like that make an entry, in this order. */
export const entryColumns = 'seq, type, room, player, effect, member, data, at';

let lastType = '';

/** The same string as before, where it says the same: what is looked up by it need not be hashed and compared anew. */
const known = (type: string): string => (type === lastType ? lastType : (lastType = type));

/** The same, of a row as the database writes it. */
export const entryOfFields = ([seq, type, room, player, effect, member, data, at]: Fields): LogEntry =>
  new LogEntry(
    Number(seq),
    known(type ?? ''),
    room ?? null,
    player ?? null,
    (effect ?? null) as EntryEffect | null,
    member ?? null,
    data ?? null,
    Number(at),
  );

/** How much a page of the log has. */
export interface PageSize {
  readonly entries: number;
  /** UTF-16 units of their data: in UTF-8 as many bytes at least, and three times as many at most. */
  readonly length: number;
}

export const pageSizeOf = (entries: readonly LogEntry[]): PageSize => ({
  entries: entries.length,
  length: entries.reduce((sum, { length }) => sum + length, 0),
});

/** `realtime.read` ends a page after 4 MiB of data; one with this length may have been. */
const largePage = 1 << 20;

/** Whether more may follow a page at once: it holds all that was asked for, or was cut for its size. */
export const mayBeCut = ({ entries, length }: PageSize, most: number): boolean =>
  entries >= most || length >= largePage;
