/** The newest entries, in memory: where a replay from the database meets what is live. */
import type { LogEntry } from './entry.js';

export interface RecentOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export class Recent {
  /** Those dropped are undefined, until they are cut off. */
  private entries: (LogEntry | undefined)[] = [];
  private first = 0;
  private bytes = 0;

  constructor(private readonly options: RecentOptions = { maxEntries: 4096, maxBytes: 8 << 20 }) {}

  /** The smallest seq a reader may have seen last for `after` to hold all that follows. */
  get start(): number {
    const oldest = this.entries[this.first];
    return oldest ? oldest.seq - 1 : Number.POSITIVE_INFINITY;
  }

  push(entry: LogEntry): void {
    this.entries.push(entry);
    this.bytes += sizeOf(entry);
    const { maxEntries, maxBytes } = this.options;
    while (
      this.entries.length - this.first > maxEntries ||
      (this.bytes > maxBytes && this.entries.length - this.first > 1)
    ) {
      const oldest = this.entries[this.first];
      if (oldest) this.bytes -= sizeOf(oldest);
      // Its message goes with it, which is several times as large.
      this.entries[this.first++] = undefined;
    }
    // The dropped front is cut off in one go, when it is as long as what remains.
    if (this.first > 64 && this.first * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.first);
      this.first = 0;
    }
  }

  /** What follows `seq`, at most so many; only meaningful when `seq >= start`. */
  after(seq: number, most = Number.POSITIVE_INFINITY): readonly LogEntry[] {
    const oldest = this.entries[this.first];
    if (!oldest) return [];
    // Dense: the index follows from the seq.
    const from = this.first + Math.max(0, seq + 1 - oldest.seq);
    // From the first one on, all are there.
    return this.entries.slice(from, from + most) as LogEntry[];
  }

  clear(): void {
    this.entries = [];
    this.first = 0;
    this.bytes = 0;
  }
}

const sizeOf = (entry: LogEntry) => 200 + entry.length;
