/**
 * Waits for those who read between the pages of a backlog: pages come faster than any network takes them, and who had
 * no chance to read meanwhile is no slow client. Who takes nothing for a while is not waited for, and who takes a little
 * at a time costs the others no more than a share of the time.
 */
import type { Connection } from '../transports/connection.js';

/** Who takes nothing for so long is not waited for, in milliseconds. */
const idleMs = 100;
/** The longest wait, in milliseconds, and what comes back of it in each millisecond. */
const mostMs = 1000;
const refill = 0.2;

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
    let behind = [...this.connections()].filter(({ wire }) => wire.unsentBytes() > 0);
    if (behind.length === 0) return;
    const began = this.now();
    const creditMs = Math.min(mostMs, this.creditMs + refill * (began - this.creditAt));
    let waitedMs = 0;
    while (behind.length > 0 && waitedMs < creditMs) {
      const before = behind.map(({ wire }) => wire.unsentBytes());
      await within(Math.min(idleMs, creditMs - waitedMs), behind.map(drained));
      behind = behind.filter(({ wire }, at) => {
        const unsent = wire.unsentBytes();
        return unsent > 0 && unsent < (before[at] ?? 0);
      });
      waitedMs = this.now() - began;
    }
    this.creditAt = this.now();
    this.creditMs = Math.max(0, creditMs - waitedMs);
  }
}

const drained = ({ wire }: Connection): Promise<void> => wire.drained();

/** Resolves when all of them have, or after so long. */
async function within(ms: number, all: Promise<void>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([Promise.all(all), over]);
  clearTimeout(timer);
}
