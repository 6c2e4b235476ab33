/** What following the log takes, and what it tells. */
import type { ClientConfig } from 'pg';
import type { LogEntry } from './entry.js';

/** What somebody who follows the log is told; called synchronously, in order. */
export interface FeedObserver {
  /**
   * The next entries. The feed's `position` is that of the last one when this is called. `more`: these are a part of a
   * backlog, and the rest is being read.
   */
  onEntries(entries: readonly LogEntry[], more: boolean): void;
  /** The log has answered with so many entries, at least one: they have been told, or are next. */
  onRead?(count: number): void;
  /** Entries are lost for good, or the log has begun anew: what clients know may be wrong. */
  onGap(reason: string): void;
  onUp?(): void;
  onDown?(error: Error): void;
  /** Before the next page of a backlog is read: it waits for this. */
  onNextPage?(): Promise<void>;
}

export interface FeedOptions {
  /** Where the database is: a URL, or the settings of a `pg` client. */
  readonly url: string | ClientConfig;
  readonly observer: FeedObserver;
  /** How many entries to read at once. */
  readonly pageSize?: number;
  /** After this long without an answer, or for the database without a question, the connection counts as dead, in milliseconds. */
  readonly timeoutMs?: number;
  readonly busyMs?: number;
  readonly sweepMs?: number;
  readonly now?: () => number;
}
