/**
 * When to look at the log again, though nothing has rung.
 *
 * A committing transaction skips the bell while another one holds it, so after every event we look again soon,
 * then less and less often: whoever skipped has committed within about the time the last look took to come.
 * The sweep at the end bounds what a lost notification costs.
 */
export interface PaceOptions {
  /** The least time between two turns under load, in milliseconds. */
  readonly busyMs: number;
  /** The longest time between two turns, in milliseconds. */
  readonly sweepMs: number;
}

export class Pace {
  private waitMs: number;

  constructor(private readonly options: PaceOptions) {
    this.waitMs = options.sweepMs;
  }

  /** After a turn: how long until the next one, if nothing rings. */
  next(found: boolean): number {
    this.waitMs = found ? this.options.busyMs : Math.min(this.options.sweepMs, this.waitMs * 2);
    return this.waitMs;
  }
}
