/** Reads what programs sent with the Socket.IO server API from its entries in the log. */
import { isFor, MessageType, reaches, type Target } from '../adapter/messages.js';
import { orderedEntryOf } from '../adapter/ordered-entry.js';
import type { LogEntry } from '../log/entry.js';
import { cursorOf } from '../log/position.js';
import type { Held } from '../transports/connection.js';
import { Emitted, type EncodeEvent, type Place } from '../protocol/emitted.js';
import type { Outgoing } from '../protocol/outgoing.js';

/** Names this server and its like to adapters on the same database; see `channelPrefix` there. */
export const serverPrefix = 'hashi-socket';

/** An `emit` of the server API, as it stands in the log. */
export interface Emit {
  /** Where it comes from, and its number there: with these two again it is the same one, written twice. */
  readonly origin: string;
  readonly n: number;
  readonly target: Target;
  readonly message: Outgoing;
}

export interface EmitsOptions {
  readonly encode: EncodeEvent;
  /** Whether the entry at this seq is known to be another one's copy. */
  readonly isDuplicate: (seq: number) => boolean;
  /** Whether it is this process whose emits come from there. */
  readonly isOurs: (origin: string) => boolean;
}

export class Emits {
  private readonly made = new WeakMap<LogEntry, Emit | null>();

  constructor(private readonly options: EmitsOptions) {}

  /** The emit of an entry; null if it is another kind of entry, or for another namespace. Made once. */
  of(entry: LogEntry, epoch: string): Emit | null {
    const known = this.made.get(entry);
    if (known !== undefined) return known;
    const emit = this.make(entry, epoch);
    this.made.set(entry, emit);
    return emit;
  }

  message(data: readonly unknown[], place: Place): Outgoing {
    return new Emitted(data, this.options.encode, place);
  }

  private make(entry: LogEntry, epoch: string): Emit | null {
    const ordered = orderedEntryOf(entry);
    if (!ordered || !isFor(ordered, serverPrefix)) return null;
    const { origin, n, message } = ordered;
    if (message.type !== MessageType.BROADCAST || message.nsp !== '/') return null;
    const cursor = cursorOf(epoch, entry.seq, entry.at);
    return {
      origin,
      n,
      target: message.target,
      message: this.message(message.packet.data, { cursor, at: cursor }),
    };
  }

  /** What is held for a connection without this emit, which has been held already: with its place in the log, or before it had one. */
  without(held: readonly Held[], { seq }: LogEntry, { origin, n }: Emit): Held[] {
    const ours = this.options.isOurs(origin);
    return held.filter((one) => one.seq !== seq && !(ours && one.early === n));
  }

  /** Follows one client through the log: which emits of it are for somebody in these rooms. */
  follow(rooms: Pick<ReadonlySet<string>, 'has'>): (entry: LogEntry, emit: Emit) => boolean {
    const seen = new Map<string, number>();
    return ({ seq }, { origin, n, target }) => {
      if (this.options.isDuplicate(seq) || n <= (seen.get(origin) ?? 0)) return false;
      seen.set(origin, n);
      return reaches(target, rooms);
    };
  }
}
