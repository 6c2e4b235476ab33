/** Whether another instance numbers the log: then we only read, until it falls silent. */

/** How long another instance's numbering keeps us from trying, in milliseconds. */
export const followMs = 100;

export class Others {
  private numberedAt = Number.NEGATIVE_INFINITY;
  private claimed = false;

  constructor(private readonly now: () => number) {}

  /** Somebody says that another instance has numbered. Anybody can: what it says is believed when it has been read. */
  claim(): void {
    this.claimed = true;
  }

  /** Whether somebody has said so since this was asked last. */
  takeClaim(): boolean {
    const { claimed } = this;
    this.claimed = false;
    return claimed;
  }

  /** Another instance has numbered, or is at it. */
  numbered(): void {
    this.numberedAt = this.now();
  }

  get areNumbering(): boolean {
    return this.now() - this.numberedAt < followMs;
  }
}
