/** Rows that a message left behind are removed once nobody can still want them; where there are none nobody asks. */
import { LineLostError } from './line.js';

export interface LeftRowsOptions {
  /** How old a row may be, in milliseconds. */
  readonly keptMs: number;
  /** Removes what is older than that. */
  readonly remove: () => Promise<unknown>;
  readonly onError: (error: Error) => void;
}

export class LeftRows {
  private timer: NodeJS.Timeout | undefined;
  private lastLeft = 0;
  private closed = false;

  constructor(private readonly options: LeftRowsOptions) {}

  /** Called when the row is there: from then on its age counts. */
  left(): void {
    this.lastLeft = performance.now();
    this.removeLater();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private removeLater(): void {
    if (this.closed) return;
    this.timer ??= setTimeout(() => this.removeNow(), this.options.keptMs).unref();
  }

  private removeNow(): void {
    const asked = performance.now();
    this.timer = undefined;
    this.options.remove().then(
      // What was left meanwhile was too young.
      () => {
        if (this.lastLeft > asked - this.options.keptMs) this.removeLater();
      },
      (error: unknown) => {
        if (error instanceof LineLostError) this.removeLater();
        else this.options.onError(error as Error);
      },
    );
  }
}
