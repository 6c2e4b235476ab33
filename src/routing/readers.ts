/**
 * Waits for those who read between the pages of a backlog: pages come faster than any network takes them, and who had
 * no chance to read meanwhile is no slow client. Who takes nothing for a while is not waited for, and who takes a little
 * at a time costs the others no more than a share of the time.
 */
import type { Connection, Wire } from '../transports/connection.js';

/**
 * Time is counted in looks of so many milliseconds. What has arrived is handled between two of them: while this process is
 * too busy to look, nobody's time runs.
 */
const lookMs = 5;
/** Who takes nothing for so long is not waited for, in looks. */
const idleLooks = 20;
/** The longest wait, in milliseconds, and what comes back of it in each millisecond. */
const mostMs = 1000;
const refill = 0.2;

interface Behind {
  readonly wire: Wire;
  /** The least that it has been seen not to have taken, and for how many looks it has been as much. */
  unsent: number;
  idle: number;
}

export class Readers {
  private creditMs = mostMs;
  private creditAt: number;

  /** @param connections everyone who may be waited for */
  constructor(
    private readonly connections: () => Iterable<Connection>,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.creditAt = now();
  }

  /** Resolves when everyone has taken what was written, or nobody is left who is worth waiting for. Never rejects. */
  async keepUp(): Promise<void> {
    let behind = this.behind();
    if (behind.length === 0) return;
    let creditMs = Math.min(mostMs, this.creditMs + refill * (this.now() - this.creditAt));
    const all = Promise.all(behind.map(({ wire }) => wire.drained()));
    while (behind.length > 0 && creditMs > 0) {
      const began = this.now();
      await within(lookMs, all);
      creditMs -= Math.min(lookMs, this.now() - began);
      behind = behind.filter(reads);
    }
    this.creditAt = this.now();
    this.creditMs = Math.max(0, creditMs);
  }

  private behind(): Behind[] {
    const behind = [];
    for (const { wire } of this.connections()) {
      const unsent = wire.unsentBytes();
      if (unsent > 0) behind.push({ wire, unsent, idle: 0 });
    }
    return behind;
  }
}

/** Whether it is still behind, and takes what it is sent. */
function reads(one: Behind): boolean {
  const unsent = one.wire.unsentBytes();
  if (unsent < one.unsent) {
    one.unsent = unsent;
    one.idle = 0;
  } else {
    one.idle++;
  }
  return unsent > 0 && one.idle < idleLooks;
}

/** Resolves when it is done, or after so long. */
async function within(ms: number, done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([done, over]);
  clearTimeout(timer);
}
