/** Whether another instance numbers the log: then we only read, until it falls silent. */

/** How long another instance's numbering keeps us from trying, in milliseconds. */
export const followMs = 100;
/** But never longer than this: what says that others number is a notification, and anybody can notify. */
const ownAdvanceMs = 1000;

export class Others {
  private numberedAt = Number.NEGATIVE_INFINITY;
  private triedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly now: () => number) {}

  /** Another instance has numbered, or is at it. */
  numbered(): void {
    this.numberedAt = this.now();
  }

  /** We have tried to number ourselves. */
  tried(): void {
    this.triedAt = this.now();
  }

  get areNumbering(): boolean {
    const now = this.now();
    return now - this.numberedAt < followMs && now - this.triedAt < ownAdvanceMs;
  }
}
