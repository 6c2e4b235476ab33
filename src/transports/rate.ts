/** How fast a client may talk: a bucket of tokens, told once when it is empty, over when it goes on. */

export interface RateOptions {
  readonly messagesPerSecond: number;
  readonly messageBurst: number;
}

const monotonic = () => performance.now();

export class MessageRate {
  private tokens: number;
  private at: number;
  private refused = 0;

  constructor(
    private readonly options: RateOptions,
    private readonly now: () => number = monotonic,
  ) {
    this.tokens = options.messageBurst;
    this.at = now();
  }

  /**
   * `tell`: the first message over the limit; `drop`: a further one; `close`: as many again as a whole burst.
   * @param full refuses whatever the rate: too much that was asked for before is not done yet
   */
  take(full = false): 'ok' | 'tell' | 'drop' | 'close' {
    const now = this.now();
    const { messagesPerSecond, messageBurst } = this.options;
    this.tokens = Math.min(messageBurst, this.tokens + ((now - this.at) / 1000) * messagesPerSecond);
    this.at = now;
    if (this.tokens >= 1 && !full) {
      this.tokens--;
      if (this.tokens > messageBurst / 2) this.refused = 0;
      return 'ok';
    }
    this.refused++;
    if (this.refused === 1) return 'tell';
    return this.refused > messageBurst ? 'close' : 'drop';
  }
}
