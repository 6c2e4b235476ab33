/** The listener's own database connection: LISTEN, and the calls that advance and read the log. */
import pg from 'pg';
import { pinSearchPath, waitNoLonger } from '../database/client.js';
import { entryColumns, entryOfFields, type LogEntry, type PageSize } from './entry.js';
import { destroy, PoolerError, refusePooler } from './pooler.js';
import { RowsQuery, type Fields, type Statement } from './rows-query.js';

export interface SessionOptions {
  /** Where the database is: a URL, or the settings of a `pg` client. */
  readonly url: string | pg.ClientConfig;
  /** A query or connection attempt that takes longer counts as a dead connection, in milliseconds. */
  readonly timeoutMs: number;
  /** Who asks nothing for so long stands still: the database ends the connection, in milliseconds. */
  readonly silentMs: number;
  /** Whether to find out what stands between: once is enough. */
  readonly first?: boolean;
}

export interface SessionEvents {
  /** A transaction with events has committed. */
  readonly onBell: () => void;
  /** Somebody has numbered up to `seq`; `own`: this very connection. */
  readonly onAdvanced: (seq: number, own: boolean) => void;
  /** The connection is gone; called once, and not after `close`. */
  readonly onLost: (error: Error) => void;
}

export const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** The longest time that Postgres can count, in milliseconds. */
const longestMs = 2 ** 31 - 1;

/** How long a goodbye may take, in milliseconds. */
const goodbyeMs = 1000;

const readStatement: Statement = { name: 'read', text: `select ${entryColumns} from realtime.read($1, $2)` };
const followStatement: Statement = {
  name: 'follow',
  text: `select ${entryColumns}, failed from realtime.follow($1, $2, $3, $4, $5)`,
};

/**
 * How many entries are handed on at a time while a page is read: their texts are done with before the next ones come, and V8 need not
 * copy them from one collection to the next.
 */
const sliceEntries = 64;

/** Takes a part of a page, in order; `more`: the page has more. */
export type TakeSlice = (entries: readonly LogEntry[], more: boolean) => void;

/** The first row of `realtime.follow`. */
interface Head {
  readonly head: number | null;
  readonly skipped: number | null;
  readonly held: boolean;
}

const numberOrNull = (text: string | null | undefined): number | null =>
  text === null || text === undefined ? null : Number(text);

/** One connection from LISTEN to its end; whoever holds it makes another when it is lost. */
export class LogSession {
  private lost = false;
  /** Whether the bell may be held by us. */
  private held = false;
  private skipped: number | null = null;
  /** Statements that the connection has. */
  private readonly prepared = new Set<string>();

  private constructor(
    private readonly client: pg.Client,
    private readonly events: SessionEvents,
    private readonly backendPid: number,
  ) {}

  /** Connects and listens. Throws what `pg` throws; nothing is left open then. */
  static async open(options: SessionOptions, events: SessionEvents): Promise<LogSession> {
    const client = new pg.Client({
      ...(typeof options.url === 'string' ? { connectionString: options.url } : options.url),
      application_name: 'hashi-socket listener',
      connectionTimeoutMillis: options.timeoutMs,
      query_timeout: options.timeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    });
    let session: LogSession | undefined;
    let early: Error | undefined;
    const onError = (error: Error) => {
      if (session) session.lose(error);
      else early = error;
    };
    client.on('error', onError);
    client.on('end', () => onError(new Error('the database closed the connection')));
    client.on('notification', (message) => session?.hear(message));
    try {
      await client.connect();
      if (options.first) await refusePooler(client, options);
      // Numbering depends on seeing each commit as it comes, whatever the database's default is. Not by a parameter of the
      // connection: poolers refuse those that they do not know. Nor must the bell be held for hours by who is not there any more:
      // a machine that is gone says no goodbye.
      await client.query(
        `${pinSearchPath}; ${waitNoLonger}; set session characteristics as transaction isolation level read committed, read write;
         set idle_session_timeout = ${Math.min(options.silentMs, longestMs)}`,
      );
      await client.query('listen hashi_bell');
      await client.query('listen hashi_log');
      const { rows } = await client.query<{ pid: number; channels: string[] }>(
        'select pg_backend_pid() as pid, array(select pg_listening_channels()) as channels',
      );
      const heard = rows[0]?.channels ?? [];
      if (!heard.includes('hashi_bell') || !heard.includes('hashi_log')) {
        throw new PoolerError();
      }
      if (early) throw early;
      session = new LogSession(client, events, rows[0]?.pid ?? 0);
      return session;
    } catch (error) {
      destroy(client);
      throw error;
    }
  }

  private hear(message: pg.Notification): void {
    if (message.channel === 'hashi_bell') this.events.onBell();
    else if (message.channel === 'hashi_log') {
      const seq = Number(message.payload);
      // Anybody can notify: what is no number is worth a look at the log, no more.
      this.events.onAdvanced(Number.isSafeInteger(seq) ? seq : 0, message.processId === this.backendPid);
    }
  }

  private lose(error: Error): void {
    if (this.lost) return;
    this.lost = true;
    destroy(this.client);
    this.events.onLost(error);
  }

  private async query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<Row[]> {
    try {
      return (await this.client.query<Row>(config)).rows;
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Resolves after the last row of a prepared statement. */
  private ask(
    statement: Statement,
    values: readonly (number | boolean | null)[],
    onRow: (fields: Fields) => void,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const query = new RowsQuery(statement, values, this.prepared, onRow, (error) => {
        if (!error) resolve();
        else if (error === query.failure) reject(asError(error));
        else reject(this.failed(error));
      });
      this.client.query(query);
    });
  }

  private failed(error: unknown): Error {
    const cause = asError(error);
    // Without a SQLSTATE it is the connection, or a query that hangs: no further use of it.
    if (
      !('code' in cause) ||
      !/^[0-9A-Z]{5}$/.test(String(cause.code)) ||
      /^(08|57P)/.test(String(cause.code))
    ) {
      this.lose(cause);
    }
    return cause;
  }

  /** Numbers what is new. Returns the newest seq, or null when another instance is at it right now. */
  async advance(): Promise<number | null> {
    const rows = await this.query<{ head: string | null }>({
      name: 'advance',
      text: 'select realtime.advance() as head',
    });
    const head = rows[0]?.head;
    return head === null || head === undefined ? null : Number(head);
  }

  /** The entries after `seq`, in order. */
  async read(seq: number, most: number): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    await this.ask(readStatement, [seq, most], (fields) => entries.push(entryOfFields(fields)));
    return entries;
  }

  /**
   * The same, handed on while they come. What was handed on before it fails is part of the log all the same.
   * @returns how much there was
   */
  async readOn(seq: number, most: number, take: TakeSlice): Promise<PageSize> {
    let slice: LogEntry[] = [];
    const page = { entries: 0, length: 0 };
    await this.ask(readStatement, [seq, most], (fields) => {
      if (slice.length === sliceEntries) {
        take(slice, true);
        slice = [];
      }
      const entry = entryOfFields(fields);
      slice.push(entry);
      page.entries++;
      page.length += entry.length;
    });
    if (slice.length > 0) take(slice, false);
    return page;
  }

  /** `advance` and `read` in one question. `skipped`: how many commits have not rung until then, if that is counted.
   * `hold` keeps the bell from ringing until a look finds that nobody has skipped it since the one before. */
  async follow(
    seq: number,
    most: number,
    hold = false,
  ): Promise<{ head: number | null; skipped: number | null; entries: LogEntry[] }> {
    const { held } = this;
    // Until the answer is there it may be held.
    this.held ||= hold;
    let first: Head | undefined;
    const entries: LogEntry[] = [];
    await this.ask(followStatement, [seq, most, hold, held, this.skipped], (fields) => {
      if (first) entries.push(entryOfFields(fields));
      else
        first = { head: numberOrNull(fields[0]), skipped: numberOrNull(fields[7]), held: fields[8] === 't' };
    });
    const { head, skipped, held: holding } = first ?? { head: null, skipped: null, held: false };
    this.held = holding;
    this.skipped = skipped;
    return { head, skipped, entries };
  }

  /** Lets the bell ring again: who does not look must not hold it. */
  async release(): Promise<void> {
    if (!this.held) return;
    await this.query({
      name: 'release',
      text: 'select pg_catalog.pg_advisory_unlock(748177132, pg_catalog.hashtext(pg_catalog.current_database()))',
    });
    this.held = false;
  }

  /** The epoch of this database; `renewed`: it is another database than the log was made in, and the log was emptied.
   * `secret`: what Socket.IO sessions are signed with, the same on every instance. */
  async epoch(): Promise<{ epoch: string; renewed: boolean; secret: string }> {
    const rows = await this.query<{ epoch: string; renewed: boolean; secret: string }>({
      text: 'select epoch, renewed, secret from realtime.ensure_epoch()',
    });
    if (!rows[0]) throw new Error('realtime.ensure_epoch() returned no row');
    return rows[0];
  }

  /** The newest seq that is no longer kept. */
  async floor(): Promise<number> {
    const rows = await this.query<{ floor: string }>({ text: 'select floor from realtime.kept()' });
    return Number(rows[0]?.floor ?? 0);
  }

  /** Closes without telling `onLost`; a query in flight fails. A database that does not say goodbye is not waited for. */
  async close(): Promise<void> {
    if (this.lost) return;
    this.lost = true;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, goodbyeMs);
    });
    await Promise.race([this.client.end(), patience]);
    clearTimeout(timer);
  }
}
