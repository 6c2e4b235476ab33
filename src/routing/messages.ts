/** Makes the messages of the log's entries. */
import { entryType as adapterType } from '../adapter/messages.js';
import { isUnreadable } from '../adapter/ordered-entry.js';
import type { Family } from '../catalog/index.js';
import type { LogEntry } from '../log/entry.js';
import { cursorOf } from '../log/position.js';
import { ErrorMessage } from '../protocol/error-message.js';
import { Outgoing } from '../protocol/outgoing.js';

/** An event of the log. Where it stands is written out only for those who are told: raw clients that do not resume are not. */
class EventMessage extends Outgoing {
  constructor(
    name: string,
    data: string,
    private readonly epoch: string,
    private readonly seq: number,
    private readonly at: number,
  ) {
    super(name, data);
  }

  protected override get cursor(): string {
    return cursorOf(this.epoch, this.seq, this.at);
  }
}

/** Turns entries of the log into messages. */
export class EntryMessages {
  constructor(
    private readonly familyOf: ReadonlyMap<string, Family>,
    private readonly maxEventBytes: number,
    private readonly onOversize: (entry: LogEntry) => void,
  ) {}

  /** The message of an entry; null if it has none. Made once, however often it is asked for. */
  of(entry: LogEntry, epoch: string): Outgoing | null {
    return entry.message === undefined ? (entry.message = this.make(entry, epoch)) : entry.message;
  }

  private make(entry: LogEntry, epoch: string): Outgoing | null {
    // Who it is for is not the room's alone to say: see `Emits`.
    if (entry.type === adapterType && !isUnreadable(entry)) return null;
    const family = this.familyOf.get(entry.type);
    if (family && entry.data !== null) {
      // A UTF-8 byte count is never less than the length, and at most three times it.
      if (
        entry.data.length * 3 <= this.maxEventBytes ||
        Buffer.byteLength(entry.data) <= this.maxEventBytes
      ) {
        return entry.carriedBy(new EventMessage(family.name, entry.data, epoch, entry.seq, entry.at));
      }
      this.onOversize(entry);
    } else if (entry.effect === 'rights' || entry.effect === 'ended') {
      return null;
    }
    // Quarantined, truncated, too big, unreadable, or of a family this instance does not know yet.
    return new ErrorMessage('RESYNC_REQUIRED', cursorOf(epoch, entry.seq, entry.at));
  }
}
