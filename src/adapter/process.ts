/**
 * What the adapters of all namespaces of one process share: two connections, its place in the log, and the
 * knowledge of who else is there.
 */
import { randomBytes } from 'node:crypto';
import { OperatorError } from '../errors.js';
import { Backoff } from '../log/backoff.js';
import type { LogEntry } from '../log/entry.js';
import { Feed } from '../log/feed.js';
import { PoolerError } from '../log/pooler.js';
import { decode } from './codec.js';
import { Emitters } from './emitters.js';
import { install } from './install.js';
import { Line } from './line.js';
import type { Member } from './member.js';
import { isFor, type Notice, type OrderedEntry } from './messages.js';
import { channelOf, Notices } from './notices.js';
import type { Settings } from './options.js';
import { requireReadable } from './ordered-entry.js';
import { Outbox } from './outbox.js';
import { Progress } from './progress.js';
import { Seen } from './seen.js';
import { Upkeep } from './upkeep.js';

const timeoutMs = 10_000;
/** A notification lost costs this much at most, in milliseconds: nothing depends on the sweep otherwise. */
const sweepMs = 5000;
/** How long until what an operator has to mend is tried again, in milliseconds. */
const refusedMs = 5000;

/** A log that is followed already: the owner of the feed starts and stops it, and hands on what comes. */
export interface SharedLog {
  readonly feed: Feed;
  /** Resolves once the feed follows the log. */
  readonly following: Promise<void>;
}

export class AdapterProcess {
  /** Names this process; its adapters are `<id>.<number>`. */
  readonly id = randomBytes(8).toString('hex');
  readonly feed: Feed;
  readonly line: Line;
  readonly outbox: Outbox;
  readonly notices: Notices;
  readonly members = new Map<string, Member>();
  /** Other processes, and when each was heard of last (`Date.now()`). */
  readonly peers = new Map<string, number>();
  /** Entries that came before, and those that came twice. */
  readonly seen = new Seen();
  /** The entry that is being delivered right now. */
  current: LogEntry | undefined;
  /** The number of what is being delivered without the log; its entry will have it, too. */
  early: number | undefined;

  private readonly progress: Progress;
  private readonly emitters: Emitters;
  private readonly upkeep: Upkeep;
  private starting: Promise<void>;
  private opened: Promise<void> | undefined;
  private stopped = false;
  private retryTimer: NodeJS.Timeout | undefined;
  private wake: (() => void) | undefined;

  constructor(
    readonly settings: Settings,
    private readonly shared?: SharedLog,
  ) {
    const onError = (error: Error) => this.report(error);
    this.line = new Line({
      connection: settings.connection,
      timeoutMs,
      onUp: () => this.onUp(),
      onError,
      onNotification: (channel, payload, pid) => this.hear(channel, payload, pid),
    });
    this.feed = shared?.feed ?? this.ownFeed();
    this.progress = new Progress(settings.localDeliveryMs);
    this.outbox = new Outbox({
      origin: this.id,
      prefix: settings.channelPrefix,
      line: this.line,
      localDeliveryMs: settings.localDeliveryMs,
      advance: (done) => this.feed.atBarrier(done),
      deliverEarly: (text) => this.attempt(() => this.dispatch(decode(text) as OrderedEntry)),
      onError,
    });
    this.notices = new Notices({
      from: this.id,
      line: this.line,
      threshold: settings.payloadThreshold,
      cleanupMs: settings.cleanupInterval,
      onNotice: (notice) => this.onNotice(notice),
      onError,
    });
    const { line } = this;
    this.emitters = new Emitters({ settings, line, member: (name) => this.members.get(name), onError });
    this.upkeep = new Upkeep({
      settings,
      line: this.line,
      peers: this.peers,
      sayAlive: () => this.notices.send({ is: 'alive' }),
      onError,
    });
    this.starting = this.start();
    // Told by `ready`; without anybody who asks it has been reported.
    this.starting.catch((_refused: unknown) => undefined);
  }

  /** Resolves when the first connection stands; rejects with what an operator has to mend, if that is why it does not. */
  ready(): Promise<void> {
    return this.starting;
  }

  private ownFeed(): Feed {
    return new Feed({
      url: this.settings.connection,
      pageSize: 500,
      timeoutMs,
      sweepMs,
      observer: {
        onEntries: (entries) => {
          for (const entry of entries) this.take(entry);
          this.taken();
        },
        onGap: (reason) => this.gap(reason),
        onDown: (error) =>
          this.report(new Error(`the log cannot be read: ${error.message}`, { cause: error })),
      },
    });
  }

  private async start(): Promise<void> {
    const { settings, feed, line } = this;
    await this.shared?.following;
    const backoff = new Backoff({ firstMs: 100, maxMs: 5000 });
    while (!this.stopped) {
      try {
        if (settings.install) await install(settings.connection, (error) => this.report(error));
        if (feed.epoch === '') await feed.start();
        this.progress.to(feed.position);
        await line.start();
        await this.opened;
        this.upkeep.start();
        return;
      } catch (error) {
        this.report(error as Error);
        // It stays so until somebody mends it: say so to whoever waits, and go on trying meanwhile.
        if (error instanceof PoolerError || error instanceof OperatorError) {
          this.later();
          throw error;
        }
        await this.pause(backoff.next());
      }
    }
  }

  private later(): void {
    this.retryTimer = setTimeout(() => {
      if (this.stopped) return;
      this.starting = this.start();
      this.starting.catch((_refused: unknown) => undefined);
    }, refusedMs);
    this.retryTimer.unref();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
      this.retryTimer = setTimeout(resolve, ms);
    });
  }

  add(member: Member): void {
    this.members.set(member.name, member);
    this.emitters.listen(member.name);
  }

  remove(member: Member): void {
    if (this.members.get(member.name) !== member) return;
    this.members.delete(member.name);
    this.emitters.unlisten(member.name);
  }

  /** The seq of the entry that is being delivered, or was last. */
  get delivered(): number {
    return this.progress.delivered;
  }

  /** Ends everything; what was sent before is written, if the database answers within a second or so. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.retryTimer);
    this.wake?.();
    this.upkeep.stop();
    await this.outbox.close();
    this.notices.send({ is: 'gone' });
    await this.notices.close();
    this.emitters.close();
    if (!this.shared) await this.feed.stop();
    await this.line.close();
    this.progress.end();
  }

  report(error: Error): void {
    if (this.stopped) return;
    this.settings.errorHandler(error);
  }

  /** Undefined when the log has been read up to there; else resolves when it has, or soon after. */
  reached(seq: number): Promise<void> | undefined {
    return this.progress.reached(seq);
  }

  private onUp(): void {
    this.opened = this.line
      .query<{ secret: string }>('select realtime.adapter_secret() as secret')
      .then(([row]) => {
        this.notices.channel = channelOf(row?.secret ?? '', this.settings.channelPrefix);
        this.line.listen(this.notices.channel);
        this.outbox.resume();
        this.notices.flush();
        for (const member of this.members.values()) member.announce();
      })
      .catch((error: unknown) => this.report(error as Error));
  }

  private hear(channel: string, payload: string, pid: number): void {
    try {
      if (channel === this.notices.channel) this.notices.receive(payload);
      else this.emitters.receive(channel, payload, pid);
    } catch (error) {
      this.report(
        new Error(`a notification could not be read: ${(error as Error).message}`, { cause: error }),
      );
    }
  }

  private onNotice(notice: Notice): void {
    const { from } = notice;
    if (notice.is === 'gone') {
      this.peers.delete(from);
      return;
    }
    this.peers.set(from, Date.now());
    for (const member of this.members.values()) member.alive(from);
    if (notice.is === 'cluster') this.members.get(notice.message.nsp)?.notice(notice);
    else if (notice.is !== 'alive') this.members.get(notice.nsp)?.notice(notice);
  }

  /** The next entry of the log, at its place; `taken` follows when all that came along have been. */
  take(entry: LogEntry): void {
    this.attempt(() => {
      const ordered = requireReadable(entry);
      if (ordered && isFor(ordered, this.settings.channelPrefix)) this.onEntry(ordered, entry);
    });
    this.progress.to(entry.seq);
  }

  /** All entries up to the feed's position have been handed out. */
  taken(): void {
    this.progress.to(this.feed.position);
    this.outbox.settle();
    this.progress.tell();
  }

  /** Entries are lost for good: the feed has gone on behind them. */
  gap(reason: string): void {
    this.progress.delivered = this.feed.position;
    this.report(new Error(`messages of other instances are lost: ${reason}`));
  }

  private onEntry(ordered: OrderedEntry, entry: LogEntry): void {
    if (!this.seen.first(ordered.origin, ordered.n, entry.seq)) return;
    this.progress.delivered = entry.seq;
    if (ordered.origin === this.id && !this.outbox.arrived(ordered.n)) return;
    this.dispatch(ordered, entry);
  }

  /** @param entry absent: without the log */
  private dispatch({ n, message }: OrderedEntry, entry?: LogEntry): void {
    this.current = entry;
    this.early = entry ? undefined : n;
    try {
      this.members.get(message.nsp)?.deliver(message, entry?.seq);
    } finally {
      this.current = this.early = undefined;
    }
  }

  /** A listener of the application's that throws must not stop the log for all others. */
  private attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.report(error as Error);
    }
  }
}
