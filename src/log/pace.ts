/**
 * When to look at the log again, though nothing has rung.
 *
 * A committing transaction skips the bell while another one holds it, and is counted. Where the count has grown we look again
 * soon, then less and less often: whoever skipped has committed within about the time the last look took to come. So we do after
 * every event where the count is not known. The sweep at the end bounds what a lost notification costs.
 */
export interface PaceOptions {
  /** The least time between two turns under load, in milliseconds. */
  readonly busyMs: number;
  /** The longest time between two turns, in milliseconds. */
  readonly sweepMs: number;
}

/** What a turn saw. */
export interface Look {
  /** Whether there was anything new. */
  readonly found: boolean;
  /** How many commits have skipped the bell so far, or null where that is not known. */
  readonly skipped: number | null;
}

/** After an event that rang by itself: whoever skipped at that very moment is counted by then, in milliseconds. */
const onceMoreMs = 50;

export class Pace {
  private waitMs: number;
  private skipped: number | undefined;

  constructor(private readonly options: PaceOptions) {
    this.waitMs = options.sweepMs;
  }

  /** After a turn: how long until the next one, if nothing rings. */
  next({ found, skipped }: Look): number {
    const { busyMs, sweepMs } = this.options;
    const some = skipped === null ? found : skipped !== this.skipped;
    this.skipped = skipped ?? this.skipped;
    this.waitMs = some ? busyMs : Math.min(sweepMs, this.waitMs * 2);
    return found ? Math.min(onceMoreMs, this.waitMs) : this.waitMs;
  }
}
