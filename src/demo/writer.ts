/** Runs the demo's statements on one connection, through any number of restarts of the database. */
import pg from 'pg';
import type { Step } from './steps.js';

/** What the demo calls its connection to the database. */
export const demoApplicationName = 'demo service';

const firstPauseMs = 100;
const longestPauseMs = 5_000;
const timeoutMs = 10_000;

/** `refused`: the database has answered with an error, as when somebody else has removed a row it needs. */
export type Written = 'done' | 'refused';

export class Writer {
  private client: pg.Client | undefined;

  constructor(private readonly url: string) {}

  /** Waits for the database as long as it takes. */
  async run({ sql, values }: Step): Promise<Written> {
    for (let failures = 0; ; failures++) {
      try {
        const client = await this.connected();
        await client.query(sql, [...values]);
        return 'done';
      } catch (error) {
        if (isRefusal(error)) {
          // The connection was lost after the row was written: it is there.
          if (failures > 0 && codeOf(error) === '23505') return 'done';
          process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
          return 'refused';
        }
        this.drop();
        const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** failures);
        await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random() / 2)));
      }
    }
  }

  private async connected(): Promise<pg.Client> {
    if (this.client) return this.client;
    const client = new pg.Client({
      connectionString: this.url,
      application_name: demoApplicationName,
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
      keepAlive: true,
    });
    client.on('error', () => {
      // The next statement connects again.
      if (this.client === client) this.drop();
    });
    this.client = client;
    await client.connect();
    return client;
  }

  private drop(): void {
    const { client } = this;
    this.client = undefined;
    // It is lost already; how its goodbye fails is of no interest.
    client?.end().catch((_lost: unknown) => undefined);
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** A SQLSTATE of the statement's own, not of a database that goes down, comes up or has no room. */
const isRefusal = (error: unknown): boolean => /^(22|23|42|P0)[0-9A-Z]{3}$/.test(codeOf(error));
