/**
 * What this process puts into the log: in the order of the calls, all that is due in one statement, and kept until
 * it is known to be there.
 *
 * Its own sockets get each message when it comes back at its place in the order, or after a stated time without the
 * database: a broadcast is never held up longer than that.
 */
import { encode } from './codec.js';
import { LineLostError, type Line } from './line.js';
import { logRoomOf, type Ordered, type OrderedEntry } from './messages.js';
import { within } from './within.js';

export interface OutboxOptions {
  readonly origin: string;
  readonly prefix: string;
  readonly line: Line;
  /** How long local sockets wait for the log, in milliseconds. */
  readonly localDeliveryMs: number;
  /** Numbers what has been written, and calls back when all that was there before has been read. */
  readonly advance: (done: () => void) => void;
  /** Local delivery without the log; its entry, should it come, is passed over. */
  readonly deliverEarly: (message: string) => void;
  readonly onError: (error: Error) => void;
}

interface Draft {
  readonly n: number;
  readonly text: string;
  readonly room: string | null;
  readonly dueAt: number;
}

const batchEntries = 500;
const batchBytes = 4 << 20;
/** What is kept for a database that is away; beyond this the oldest are given up. */
const heldBytes = 64 << 20;
const retryMs = 1000;
const closeMs = 1000;

/** Errors of a moment: of resources, of locks, of a database that is starting or read-only for now. */
const passing = /^(25006|40|53|55|57|58)/;

export class Outbox {
  private n = 0;
  /** Not in the log yet, as far as we know; oldest first. */
  private unsent: Draft[] = [];
  private unsentBytes = 0;
  /** Not delivered to local sockets yet; oldest first, so soonest due first. */
  private readonly waiting = new Map<number, Draft>();
  private settling: { readonly upTo: number; readonly done: () => void }[] = [];
  private sending: Promise<void> | undefined;
  private dueTimer: NodeJS.Timeout | undefined;
  private retryTimer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly options: OutboxOptions) {}

  /** Throws a `TypeError` for what JSON cannot hold. */
  append(message: Ordered): void {
    if (this.closed) return;
    const n = this.n + 1;
    const { origin, prefix, localDeliveryMs } = this.options;
    const entry: OrderedEntry = { origin, prefix, n, message };
    const dueAt = performance.now() + localDeliveryMs;
    const draft = { n, text: encode(entry), room: logRoomOf(message), dueAt };
    this.n = n;
    this.unsent.push(draft);
    this.unsentBytes += draft.text.length;
    this.waiting.set(n, draft);
    this.schedule();
    this.giveUpOldest();
    // Not at once: whatever else is sent in this turn of the event loop goes along.
    if (this.unsent.length === 1) setImmediate(() => this.flush());
  }

  /** An entry of our own has come back. Returns whether local sockets still wait for it. */
  arrived(n: number): boolean {
    if (this.unsent[0] && this.unsent[0].n <= n) this.forget((draft) => draft.n <= n);
    return this.waiting.delete(n);
  }

  /** To be called when what `arrived` has been delivered. */
  settle(): void {
    if (this.settling.length === 0) return;
    const [oldest] = this.waiting.keys();
    const done = this.settling.filter(({ upTo }) => oldest === undefined || upTo < oldest);
    this.settling = this.settling.filter((one) => !done.includes(one));
    for (const one of done) one.done();
  }

  /** Resolves when local sockets have got all that was appended before; at once if nothing is under way. */
  settled(): Promise<void> | undefined {
    if (this.waiting.size === 0) return undefined;
    return new Promise((done) => this.settling.push({ upTo: this.n, done }));
  }

  /** The connection is up: what was under way when it was lost may be in the log, or not. */
  resume(): void {
    if (this.unsent.length === 0) return;
    // After this all that had arrived has been forgotten here.
    this.options.advance(() => this.flush());
  }

  /** Waits up to a second for what is not written yet, or not numbered. */
  async close(): Promise<void> {
    this.closed = true;
    this.flush();
    if (this.sending) await within(closeMs, this.sending);
    if (this.waiting.size > 0 && this.options.line.up) {
      await within(closeMs, new Promise<void>((done) => this.options.advance(done)));
    }
    if (this.unsent.length > 0) {
      this.options.onError(
        new Error(`closed without the database: ${this.unsent.length} messages reach no other instance`),
      );
    }
    clearTimeout(this.dueTimer);
    clearTimeout(this.retryTimer);
    for (const draft of [...this.waiting.values()]) this.deliverEarly(draft);
    this.settle();
  }

  private flush(): void {
    if (this.sending || this.unsent.length === 0 || !this.options.line.up) return;
    this.sending = this.send().finally(() => {
      this.sending = undefined;
    });
  }

  private async send(): Promise<void> {
    const { line, advance, onError } = this.options;
    while (this.unsent.length > 0 && line.up) {
      let bytes = 0;
      const batch: Draft[] = [];
      for (const draft of this.unsent) {
        if (batch.length > 0 && (batch.length === batchEntries || bytes + draft.text.length > batchBytes))
          break;
        bytes += draft.text.length;
        batch.push(draft);
      }
      const last = batch.at(-1)?.n ?? 0;
      try {
        await line.query('select realtime.adapter_append($1, $2)', [
          batch.map(({ text }) => text),
          batch.map(({ room }) => room),
        ]);
      } catch (error) {
        if (error instanceof LineLostError) return;
        const cause = error as Error & { code?: string };
        const again = passing.test(cause.code ?? '');
        const fate = again ? 'is tried again' : 'reaches nobody else';
        onError(new Error(`what was sent to other instances ${fate}: ${cause.message}`, { cause }));
        if (again) {
          clearTimeout(this.retryTimer);
          this.retryTimer = setTimeout(() => this.flush(), retryMs);
          return;
        }
      }
      this.forget(({ n }) => n <= last);
      advance(() => undefined);
    }
  }

  private forget(fits: (draft: Draft) => boolean): void {
    this.unsent = this.unsent.filter((draft) => !fits(draft));
    this.unsentBytes = this.unsent.reduce((sum, { text }) => sum + text.length, 0);
  }

  private giveUpOldest(): void {
    if (this.unsentBytes <= heldBytes || this.unsent.length === 1) return;
    let given = 0;
    while (this.unsentBytes > heldBytes / 2 && this.unsent.length > 1) {
      this.unsentBytes -= this.unsent.shift()?.text.length ?? 0;
      given++;
    }
    this.options.onError(
      new Error(`the database has been away too long: ${given} messages reach no other instance`),
    );
  }

  private schedule(): void {
    if (this.dueTimer || this.waiting.size === 0) return;
    const [first] = this.waiting.values();
    const waitMs = Math.max(0, (first?.dueAt ?? 0) - performance.now());
    this.dueTimer = setTimeout(() => {
      this.dueTimer = undefined;
      const now = performance.now();
      for (const draft of [...this.waiting.values()]) {
        if (draft.dueAt > now + 1) break;
        this.deliverEarly(draft);
      }
      this.settle();
      this.schedule();
    }, waitMs);
  }

  private deliverEarly(draft: Draft): void {
    this.waiting.delete(draft.n);
    this.options.deliverEarly(draft.text);
  }
}
