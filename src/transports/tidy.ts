/**
 * Has V8 collect after many clients have come. What they needed to come in outlives the young generation, as much again as what is kept for
 * them, and V8 looks for old garbage by how much is allocated: while clients only listen that is next to nothing, and the memory is
 * taken for hours. There is no asking V8 for it in small steps, but memory outside of its heap counts, too: 64 MiB of it make V8 mark
 * in steps of some milliseconds, at the side of everything else. They are never written to, and the system gives no memory for them.
 */

/** From where on V8 begins by itself. */
const noticedBytes = 64 << 20;

/** Makes V8 begin a collection in steps. */
export function beginCollection(): void {
  try {
    new ArrayBuffer(noticedBytes);
  } catch (error) {
    // No room for it, not even on paper: V8 is about to collect anyway.
    if (!(error instanceof RangeError)) throw error;
  }
}

export interface TidyOptions {
  /** So many have come since it was done last, and nobody for `quietMs` milliseconds. */
  readonly atLeast?: number;
  readonly quietMs?: number;
  /** Or so many, though more are coming. */
  readonly atMost?: number;
  readonly collect?: () => void;
}

export class Tidy {
  private come = 0;
  private lastAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: TidyOptions = {}) {}

  /** A client has come in. */
  opened(): void {
    this.come++;
    this.lastAt = performance.now();
    const { atLeast = 500, atMost = 2000, quietMs = 2000 } = this.options;
    if (this.come >= atMost) this.now();
    else if (this.come >= atLeast) this.timer ??= this.waitFor(quietMs);
  }

  private now(): void {
    const { collect = beginCollection } = this.options;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.come = 0;
    collect();
  }

  private waitFor(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const { quietMs = 2000 } = this.options;
      const rest = this.lastAt + quietMs - performance.now();
      if (rest > 0) this.timer = this.waitFor(rest);
      else this.now();
    }, ms).unref();
  }
}
