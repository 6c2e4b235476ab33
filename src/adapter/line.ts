/** The adapter's own connection to the database: it writes in order, listens, and comes back for ever. */
import pg from 'pg';
import { waitNoLonger } from '../database/client.js';
import { OperatorError } from '../errors.js';
import { Backoff } from '../log/backoff.js';
import { PoolerError } from '../log/pooler.js';
import { within } from './within.js';

const closeMs = 1000;

export interface LineOptions {
  readonly connection: pg.ClientConfig;
  /** A query or connection attempt that takes longer counts as a dead connection, in milliseconds. */
  readonly timeoutMs: number;
  readonly onNotification: (channel: string, payload: string, senderPid: number) => void;
  /** Connected, and listening to everything. */
  readonly onUp: () => void;
  readonly onError: (error: Error) => void;
}

/** There is no connection right now, or it was lost before the answer came: whether it was done is not known. */
export class LineLostError extends Error {
  override readonly name = 'LineLostError';
}

export class Line {
  private client: pg.Client | undefined;
  private running = false;
  private retryTimer: NodeJS.Timeout | undefined;
  private turn: Promise<void> = Promise.resolve();
  private readonly channels = new Set<string>();
  private readonly backoff = new Backoff({ firstMs: 50, maxMs: 5000 });

  constructor(private readonly options: LineOptions) {}

  get up(): boolean {
    return this.client !== undefined;
  }

  /** Throws when the first attempt fails; from then on it reconnects by itself. */
  async start(): Promise<void> {
    this.running = true;
    try {
      await this.connect();
    } catch (error) {
      this.running = false;
      throw error;
    }
  }

  /** Listens from now on, or from the next connection on. The name may be anything of up to 63 bytes. */
  listen(channel: string): void {
    if (this.channels.has(channel)) return;
    this.channels.add(channel);
    this.command(`listen ${pg.escapeIdentifier(channel)}`);
  }

  unlisten(channel: string): void {
    if (this.channels.delete(channel)) this.command(`unlisten ${pg.escapeIdentifier(channel)}`);
  }

  private command(text: string): void {
    if (!this.client) return;
    this.query(text).catch((error: unknown) => {
      if (!(error instanceof LineLostError)) this.options.onError(error as Error);
    });
  }

  /** Queries are sent in the order of the calls. Throws `LineLostError`, or what Postgres says. */
  query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const turn = this.turn.then(() => this.run<Row>(text, values));
    this.turn = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  private async run<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> {
    const { client } = this;
    if (!client) throw new LineLostError('the database is not reachable');
    try {
      return (await client.query<Row>(text, values)).rows;
    } catch (error) {
      const cause = error as Error & { code?: unknown };
      // Without a SQLSTATE it is the connection, or a query that hangs: no further use of it.
      if (/^(?!08|57P)[0-9A-Z]{5}$/.test(String(cause.code))) throw cause;
      this.lose(client, cause);
      throw new LineLostError(cause.message, { cause });
    }
  }

  private async connect(): Promise<void> {
    const { connection, timeoutMs, onNotification, onUp } = this.options;
    const client = new pg.Client({
      ...connection,
      application_name: 'hashi-socket adapter',
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    });
    client.on('error', (error) => this.lose(client, error));
    client.on('end', () => this.lose(client, new Error('the database closed the connection')));
    client.on('notification', ({ channel, payload, processId }) =>
      onNotification(channel, payload ?? '', processId),
    );
    const asked = [...this.channels];
    try {
      await client.connect();
      for (const channel of asked) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      const { rows } = await client.query<{ heard: string[] }>(
        'select array(select pg_listening_channels()) as heard',
      );
      const heard = new Set(rows[0]?.heard);
      if (asked.some((channel) => !heard.has(channel))) throw new PoolerError();
      await client.query(waitNoLonger);
    } catch (error) {
      goodbye(client);
      throw error;
    }
    if (!this.running) {
      goodbye(client);
      return;
    }
    this.client = client;
    this.backoff.reset();
    for (const channel of this.channels) {
      if (!asked.includes(channel)) this.command(`listen ${pg.escapeIdentifier(channel)}`);
    }
    onUp();
  }

  private lose(client: pg.Client, error: Error): void {
    if (this.client !== client) return;
    this.client = undefined;
    goodbye(client);
    if (!this.running) return;
    this.options.onError(
      new Error(`lost the connection to the database: ${error.message}`, { cause: error }),
    );
    this.retry();
  }

  private retry(): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => {
      this.connect().catch((error: unknown) => {
        if (!this.running) return;
        this.options.onError(asUnreachable(error as Error));
        this.retry();
      });
    }, this.backoff.next());
  }

  /** Waits for what was sent, up to a second. */
  async close(): Promise<void> {
    this.running = false;
    clearTimeout(this.retryTimer);
    await within(closeMs, this.turn);
    const { client } = this;
    this.client = undefined;
    if (client) goodbye(client);
  }
}

/** What `pg` says of a failed attempt ("timeout expired") is no sentence of its own. */
const asUnreachable = (error: Error): Error =>
  error instanceof OperatorError
    ? error
    : new Error(`the database cannot be reached: ${error.message}`, { cause: error });

/** Ends a connection that may not answer any more; nothing is waited for. */
function goodbye(client: pg.Client): void {
  client.removeAllListeners('notification');
  client.removeAllListeners('end');
  // With a query in flight this destroys the socket; either way its errors are of no interest now.
  client.end().catch((_ended: unknown) => undefined);
}
