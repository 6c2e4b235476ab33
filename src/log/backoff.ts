/** Waiting between attempts: longer every time, never in step with others. */

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly random?: () => number;
}

export class Backoff {
  private attempt = 0;

  constructor(private readonly options: BackoffOptions) {}

  /** The next wait in milliseconds: between half and all of a step that doubles. */
  next(): number {
    const step = Math.min(this.options.maxMs, this.options.firstMs * 2 ** this.attempt++);
    return step * (0.5 + 0.5 * (this.options.random ?? Math.random)());
  }

  reset(): void {
    this.attempt = 0;
  }
}
