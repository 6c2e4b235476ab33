/** Writes sessions to the database: what changed at once is written at once, in one statement. */
import { LineLostError } from './line.js';
import type { AdapterProcess } from './process.js';
import type { SessionRow } from './session.js';
import { within } from './within.js';

export interface SessionStoreOptions {
  readonly process: AdapterProcess;
  readonly lifetimeMs: number;
  /** What has changed since the last call; of all, when `all`: `socket.data` changes without a word. */
  readonly rows: (all: boolean) => SessionRow[];
}

/** Joins and leaves of a moment are one write, in milliseconds. */
const gatherMs = 10;
/** How old a change of `socket.data` may become before it is stored, in milliseconds. */
const dataMs = 5000;
const closeMs = 1000;

export class SessionStore {
  private pending = new Map<string, SessionRow>();
  private dropped = new Set<string>();
  private gatherTimer: NodeJS.Timeout | undefined;
  private turn: NodeJS.Immediate | undefined;
  private readonly dataTimer: NodeJS.Timeout;
  private readonly sweepTimer: NodeJS.Timeout;
  private writing: Promise<void> | undefined;

  constructor(private readonly options: SessionStoreOptions) {
    this.dataTimer = setInterval(() => {
      this.add(options.rows(true));
    }, dataMs);
    this.sweepTimer = setInterval(() => this.sweep(), Math.max(30_000, options.lifetimeMs / 4));
  }

  flushSoon(): void {
    this.gatherTimer ??= setTimeout(() => {
      this.gatherTimer = undefined;
      this.add(this.options.rows(false));
    }, gatherMs);
  }

  /** At the end of this turn of the event loop: before what the same turn puts into the log. */
  flushNow(): void {
    this.turn ??= setImmediate(() => {
      this.turn = undefined;
      this.add(this.options.rows(false));
    });
  }

  /** Writes these now. */
  add(rows: readonly SessionRow[]): void {
    for (const row of rows) {
      this.pending.set(row.id, row);
      this.dropped.delete(row.id);
    }
    this.write();
  }

  /** The client has left on purpose. */
  drop(id: string): void {
    this.pending.delete(id);
    this.dropped.add(id);
    this.flushSoon();
  }

  /** Resolves when all that was added before is written, or could not be. */
  async flush(): Promise<void> {
    this.write();
    while (this.writing) await this.writing;
  }

  private write(): void {
    if (this.writing || this.pending.size + this.dropped.size === 0) return;
    const rows = [...this.pending.values()];
    const ids = [...this.dropped];
    this.pending.clear();
    this.dropped.clear();
    this.writing = this.store(rows, ids).then(
      () => {
        this.writing = undefined;
        this.write();
      },
      (error: unknown) => {
        this.writing = undefined;
        if (!(error instanceof LineLostError)) {
          this.options.process.report(error as Error);
          return;
        }
        // Later ones are newer.
        for (const row of rows) if (!this.pending.has(row.id)) this.pending.set(row.id, row);
        for (const id of ids) if (!this.pending.has(id)) this.dropped.add(id);
      },
    );
  }

  private async store(rows: readonly SessionRow[], ids: readonly string[]): Promise<void> {
    const { line, id } = this.options.process;
    if (rows.length > 0)
      await line.query('select realtime.adapter_keep_sessions($1, $2)', [id, JSON.stringify(rows)]);
    if (ids.length > 0) await line.query('select realtime.adapter_drop_sessions($1, $2)', [id, ids]);
  }

  private sweep(): void {
    const { process, lifetimeMs } = this.options;
    process.line
      .query("select realtime.adapter_sweep_sessions($1, $2 * interval '1 ms')", [
        [process.id, ...process.peers.keys()],
        lifetimeMs,
      ])
      .catch((error: unknown) => {
        if (!(error instanceof LineLostError)) process.report(error as Error);
      });
  }

  async close(): Promise<void> {
    clearTimeout(this.gatherTimer);
    clearImmediate(this.turn);
    clearInterval(this.dataTimer);
    clearInterval(this.sweepTimer);
    await within(closeMs, this.flush());
  }
}
