/** Asks now and then what an operator must know of the log, and tells it to metrics and, when it is bad, to the log file. */
import type { Pool } from 'pg';

export interface LogHealth {
  /** Events in the log that could not be built. */
  readonly quarantined: number;
  /** How full Postgres's notification queue is, 0 to 1: full, it fails commits of everybody. */
  readonly queueUsage: number;
}

export interface HealthOptions {
  readonly pool: Pool;
  readonly onHealth: (health: LogHealth) => void;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
}

export class HealthKeeper {
  private timer: NodeJS.Timeout | undefined;
  private asking = false;

  constructor(private readonly options: HealthOptions) {}

  start(): void {
    this.timer = setInterval(() => this.tick(), this.options.everyMs ?? 10_000);
    this.timer.unref();
    this.tick();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private tick(): void {
    // A database that does not answer is asked once, not once more every time.
    if (this.asking) return;
    this.asking = true;
    this.ask()
      .then(this.options.onHealth, this.options.onError)
      .finally(() => {
        this.asking = false;
      });
  }

  private async ask(): Promise<LogHealth> {
    const { rows } = await this.options.pool.query<{ quarantined: string; queue_usage: number }>(
      'select quarantined, queue_usage from realtime.health()',
    );
    return { quarantined: Number(rows[0]?.quarantined ?? 0), queueUsage: rows[0]?.queue_usage ?? 0 };
  }
}
