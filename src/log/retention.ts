/** Drops what is older than is promised, a slot at a time. */
import type { Pool } from 'pg';
import type { Retention } from './history.js';

/** Most looks find that it is not time yet; one that finds a writer in the slot to be dropped is made up for soon. */
const everyMs = 10_000;

export class RetentionKeeper {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly pool: Pool,
    private readonly retention: Retention,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.rotate().catch(this.onError);
    }, everyMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Returns the newest seq that is no longer kept. */
  async rotate(): Promise<number> {
    const { rows } = await this.pool.query<{ floor: string }>(
      'select realtime.rotate($1::interval, $2) as floor',
      [`${this.retention.retentionHours} hours`, this.retention.retentionEvents],
    );
    return Number(rows[0]?.floor ?? 0);
  }
}
