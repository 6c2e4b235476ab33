/** How far this process has delivered the log, and who waits for it to be further. */

interface Waiting {
  readonly seq: number;
  readonly go: () => void;
}

export class Progress {
  /** The seq of the entry that is being delivered, or was last. */
  delivered = 0;
  private waiting: Waiting[] = [];

  /** @param patienceMs how long anybody waits, in milliseconds */
  constructor(private readonly patienceMs: number) {}

  to(seq: number): void {
    this.delivered = Math.max(this.delivered, seq);
  }

  /** Undefined when it is there already; else resolves when it is, or when patience ends. */
  reached(seq: number): Promise<void> | undefined {
    if (this.delivered >= seq) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.patienceMs);
      const go = () => {
        clearTimeout(timer);
        resolve();
      };
      this.waiting.push({ seq, go });
    });
  }

  /** Tells those whose place has been reached. */
  tell(): void {
    if (this.waiting.length === 0) return;
    const due = this.waiting.filter(({ seq }) => seq <= this.delivered);
    this.waiting = this.waiting.filter(({ seq }) => seq > this.delivered);
    for (const { go } of due) go();
  }

  end(): void {
    for (const { go } of this.waiting) go();
    this.waiting = [];
  }
}
