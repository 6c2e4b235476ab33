/**
 * Follows the log: every entry once, in order, for as long as the process lives, whatever happens to the database.
 *
 * NOTIFY is a hint; the row is the truth: entries are read from the log by position, and a notification only
 * makes that happen sooner. Any instance may number (`advance`); the one that did it last goes on doing it, the
 * others only read until it falls silent.
 */
import { Backoff } from './backoff.js';
import { headOf, holdsPlace } from './continuity.js';
import { mayBeCut, pageSizeOf } from './entry.js';
import type { FeedOptions } from './feed-options.js';
import { followMs, Others } from './others.js';
import { Pace, type Look } from './pace.js';
import { cursorOf } from './position.js';
import { Recent } from './recent.js';
import { asError, LogSession, type TakeSlice } from './session.js';

export type { FeedObserver, FeedOptions } from './feed-options.js';

const prunedReason = 'this instance was away for longer than the log is kept';
/** Entries that come with the answer to having numbered, at most: nobody else numbers until they are sent. */
const followPage = 200;

export class Feed {
  readonly recent = new Recent();
  /** The seq of the last entry handed on. */
  position = 0;
  /** The newest seq known of. */
  head = 0;
  /** When the entry at `position` was made, by which it is known again; undefined where there was none. */
  private positionAt: number | undefined;
  epoch = '';
  /** How many logs have been followed: a place in one means nothing in the next, though the epoch be the same. */
  generation = 0;
  /** Signs Socket.IO sessions; the same on every instance. */
  secret = '';
  private session: LogSession | undefined;
  private running = false;
  private turning: Promise<void> | undefined;
  private again = false;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Number.POSITIVE_INFINITY;
  private retryTimer: NodeJS.Timeout | undefined;
  private lastTurnAt = 0;
  private lastGoodAt = 0;
  private lastError: Error | undefined;
  private barriers: (() => void)[] = [];
  /** What is there may not be what was there before: to be found out before the log is read on. */
  private suspect = false;
  private readonly backoff = new Backoff({ firstMs: 100, maxMs: 5000 });
  private readonly pace: Pace;
  private readonly others: Others;
  private readonly now: () => number;

  constructor(private readonly options: FeedOptions) {
    this.pace = new Pace({ busyMs: options.busyMs ?? 3, sweepMs: options.sweepMs ?? 1000 });
    this.now = options.now ?? (() => performance.now());
    this.others = new Others(this.now);
  }

  /** Connects and goes to the head of the log; throws if that fails. From then on it reconnects by itself. */
  async start(): Promise<void> {
    this.running = true;
    try {
      await this.connect();
    } catch (error) {
      this.running = false;
      clearTimeout(this.retryTimer);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    clearTimeout(this.timer);
    clearTimeout(this.retryTimer);
    // Closing ends a look that hangs, too.
    await this.session?.close();
    this.session = undefined;
    await this.turning;
  }

  /** `position` as clients are told it. */
  get cursor(): string {
    return cursorOf(this.epoch, this.position, this.positionAt);
  }

  /** Why it is not live, or null when it is: connected, and within `maxLagMs` of the log's head. */
  trouble(maxLagMs = 5000): string | null {
    if (!this.session) return `the database is not reachable: ${this.lastError?.message ?? 'connecting'}`;
    const silent = this.silentMs();
    if (silent > maxLagMs) return `the log has not been read for ${Math.round(silent / 1000)} s`;
    return null;
  }

  /** How long since the log was last read to its end, in milliseconds. */
  silentMs(): number {
    return this.now() - this.lastGoodAt;
  }

  /**
   * Calls back synchronously between two entries, when everything that had committed before this call has been
   * handed on: what a query returned before it is then known to be part of `position`.
   */
  atBarrier(callback: () => void): void {
    this.barriers.push(callback);
    this.wake(0);
  }

  private async connect(): Promise<void> {
    const { url, timeoutMs = 10_000, sweepMs = 1000 } = this.options;
    const session = await LogSession.open(
      // Looks come at every sweep at least.
      { url, timeoutMs, silentMs: Math.max(timeoutMs, 3 * sweepMs), first: this.epoch === '' },
      {
        onBell: () => this.wake(this.pace.rang(this.others.areNumbering)),
        onAdvanced: (seq, own) => {
          if (own || seq <= this.position) return;
          this.others.claim();
          this.wake(0);
        },
        onLost: (error) => this.onLost(error),
      },
    );
    try {
      await this.recognise(session);
    } catch (error) {
      await session.close().catch((_closing: unknown) => undefined);
      throw error;
    }
    if (!this.running) {
      await session.close();
      return;
    }
    this.session = session;
    this.lastGoodAt = this.now();
    this.backoff.reset();
    this.lastError = undefined;
    this.options.observer.onUp?.();
    this.wake(0);
  }

  /** Goes to the head if this is not the log that was followed before; `behind`: it ends before the position. */
  private async recognise(session: LogSession, behind = false): Promise<void> {
    const { epoch, renewed, secret } = await session.epoch();
    this.secret = secret;
    const first = this.epoch === '';
    const another = first || renewed || epoch !== this.epoch;
    const wentBack =
      !another && (behind || !(await holdsPlace(session, { seq: this.position, at: this.positionAt })));
    if (another || wentBack) {
      const head = await headOf(session);
      this.epoch = epoch;
      this.position = this.head = head.seq;
      this.positionAt = head.at;
      this.generation++;
      this.recent.clear();
    }
    this.suspect = false;
    if (first) return;
    if (another) this.options.observer.onGap('the database was restored or replaced');
    if (wentBack) this.options.observer.onGap('the database was put back to an earlier state');
  }

  private onLost(error: Error): void {
    this.session = undefined;
    if (!this.running) return;
    this.lastError = error;
    this.options.observer.onDown?.(error);
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => {
      this.connect().catch((again: unknown) => this.onLost(asError(again)));
    }, this.backoff.next());
  }

  /** Makes a turn happen in `waitMs`, or sooner if one is due sooner. */
  private wake(waitMs: number): void {
    if (!this.running || !this.session) return;
    if (this.turning) {
      this.again ||= waitMs === 0;
      return;
    }
    const now = this.now();
    // The first at once; under load, turns keep their distance and take more entries each.
    const at = Math.max(now + waitMs, this.lastTurnAt + this.pace.busyMs);
    if (at >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    if (at <= now) this.turn();
    else this.timer = setTimeout(() => this.turn(), at - now);
  }

  private turn(): void {
    clearTimeout(this.timer);
    this.timerAt = Number.POSITIVE_INFINITY;
    const { session } = this;
    if (!session || this.turning) return;
    this.lastTurnAt = this.now();
    this.again = false;
    const barriers = this.barriers;
    this.barriers = [];
    this.turning = this.take(session, barriers).then(
      (look) => {
        this.turning = undefined;
        // Distance is kept under load, and from false claims, which may come without end. Any other look that found nothing must
        // not delay what comes right after it.
        if (!look.found && !look.claimed) this.lastTurnAt = Number.NEGATIVE_INFINITY;
        const waitMs = this.pace.next(look);
        // Followers look again only when the other has been silent for a while.
        const soon = this.again || this.barriers.length > 0;
        this.wake(soon ? 0 : this.others.areNumbering ? Math.max(waitMs, followMs) : waitMs);
      },
      (error: unknown) => {
        this.turning = undefined;
        this.barriers = [...barriers, ...this.barriers];
        this.lastError = asError(error);
        // Lost connections come back through onLost; an error of SQL, of a restore say, is tried again at the sweep.
        this.suspect = true;
        if (this.session) {
          this.options.observer.onDown?.(this.lastError);
          this.wake(1000);
        }
      },
    );
  }

  /** One look at the log. */
  private async take(session: LogSession, barriers: (() => void)[]): Promise<Look & { claimed: boolean }> {
    if (this.suspect) await this.recognise(session);
    const before = this.position;
    let head: number | null = null;
    let skipped: number | null = null;
    const claimed = this.others.takeClaim() && barriers.length === 0;
    if (claimed) await this.readOn(session);
    if (this.position > before) this.others.numbered();
    let rest = !claimed;
    if (barriers.length > 0 || !this.others.areNumbering) {
      const followed = await session.follow(this.position, followPage, this.pace.hold());
      ({ head, skipped } = followed);
      if (head === null) this.others.numbered();
      else if (head < this.position) await this.recognise(session, true);
      else this.head = Math.max(this.head, head);
      if (followed.entries.length > 0) this.options.observer.onRead?.(followed.entries.length);
      this.handOn(followed.entries, false);
      // Large entries do not come with the number, nor what has been pruned: both is found by reading on.
      rest = head === null ? mayBeCut(pageSizeOf(followed.entries), followPage) : head > this.position;
    } else {
      await session.release();
    }
    if (rest) await this.readOn(session);
    this.lastGoodAt = this.now();
    if (barriers.length > 0) {
      // Only our own advance, begun after the barrier was asked for, is known to have seen all before it.
      if (head === null || head > this.position) this.barriers = [...barriers, ...this.barriers];
      else for (const callback of barriers) callback();
    }
    return { found: this.position > before, skipped, claimed };
  }

  private async readOn(session: LogSession): Promise<void> {
    const pageSize = this.options.pageSize ?? 1000;
    for (;;) {
      const page = await session.readOn(this.position, pageSize, this.handOn);
      if (page.entries === 0) {
        // Nothing is there though the log goes on: all that the page would hold has been pruned.
        const floor = this.head > this.position ? await session.floor() : 0;
        if (floor <= this.position) return;
        this.position = floor;
        this.positionAt = undefined;
        this.recent.clear();
        // Or emptied, by an instance that knows another database in it.
        this.suspect = true;
        this.options.observer.onGap(prunedReason);
        continue;
      }
      this.options.observer.onRead?.(page.entries);
      if (!mayBeCut(page, pageSize)) return;
      await session.release(); // a long way to go: the others are to be rung for meanwhile
      await this.options.observer.onNextPage?.();
    }
  }

  private readonly handOn: TakeSlice = (entries, more) => {
    const last = entries.at(-1);
    if (!last) return;
    // Dense: anything else means that retention was faster than this instance.
    const gap = last.seq - this.position !== entries.length;
    for (const entry of entries) this.recent.push(entry);
    this.position = last.seq;
    this.positionAt = last.at;
    this.head = Math.max(this.head, last.seq);
    if (gap) {
      // What is kept for replays must be dense; the next page begins anew. Or it is another log, whose numbers begin after a gap.
      this.recent.clear();
      this.suspect = true;
      this.options.observer.onGap(prunedReason);
    }
    this.options.observer.onEntries(entries, more || last.seq < this.head);
  };
}
