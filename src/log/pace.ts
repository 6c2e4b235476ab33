/**
 * When to look at the log again, though nothing has rung.
 *
 * A committing transaction skips the bell while another one holds it, and is counted. Where the count has grown we look again
 * soon, then less and less often: whoever skipped has committed within about the time the last look took to come. So we do after
 * every event where the count is not known. The sweep at the end bounds what a lost notification costs.
 *
 * Under load we hold the bell ourselves: looks come every few milliseconds by the clock, and a notification at each commit would
 * only wake everybody who listens.
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

/** So many commits between two looks are load: looking by the clock costs less than a notification each. */
const load = 3;

export class Pace {
  private waitMs: number;
  private skipped: number | undefined;
  private grownBy = 0;
  private rung = 0;

  constructor(private readonly options: PaceOptions) {
    this.waitMs = options.sweepMs;
  }

  get busyMs(): number {
    return this.options.busyMs;
  }

  /** After a turn: how long until the next one, if nothing rings. */
  next({ found, skipped }: Look): number {
    const { busyMs, sweepMs } = this.options;
    const some = skipped === null ? found : skipped !== this.skipped;
    this.grownBy = (skipped ?? 0) - (this.skipped ?? skipped ?? 0);
    this.skipped = skipped ?? this.skipped;
    this.waitMs = some ? busyMs : Math.min(sweepMs, this.waitMs * 2);
    return found ? Math.min(onceMoreMs, this.waitMs) : this.waitMs;
  }

  /** The bell has rung: how long until the next turn. Where another instance numbers it is given the time to. */
  rang(othersNumber: boolean): number {
    this.rung++;
    return othersNumber ? this.busyMs * (3 + Math.random() * 5) : 0;
  }

  /** Before a turn: whether commits come so fast that they need not ring meanwhile. */
  hold(): boolean {
    const { rung, grownBy } = this;
    this.rung = 0;
    return rung + grownBy >= load;
  }
}
