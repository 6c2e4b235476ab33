/** What the console can do in development mode alone: take a player's part, change rows, and run the demo. */
import type { IncomingMessage } from 'node:http';
import type { Pool } from 'pg';
import type { Mint } from '../auth/index.js';
import { DemoProcess } from '../demo/process.js';
import { sweep } from '../demo/sweep.js';
import { demoApplicationName } from '../demo/writer.js';
import type { Logger } from '../telemetry/logger.js';
import { deskRefusal } from './guard.js';
import {
  demoRequest,
  DeskError,
  emptyRequest,
  readRequest,
  sampleRequest,
  tokenRequest,
} from './requests.js';
import { made, needs, samples } from './samples.js';
import { runSample } from './run-sample.js';

export interface DeskOptions {
  readonly pool: Pick<Pool, 'query'>;
  readonly databaseUrl: string;
  readonly mint: Mint;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Whether the documented tables are there, by their documented names: samples and the demo write them. */
  readonly withTables: boolean;
}

export interface DeskAnswer {
  readonly status: number;
  readonly value: object;
}

/** Answers a POST; never rejects for what a request holds. */
export type DeskRoute = (request: IncomingMessage) => Promise<DeskAnswer>;

/** Changes a second of the demo. */
const demoRate = 4;
/** How many requests may be under way at once: a page asks for one at a time. */
const mostUnderWay = 10;
const mostPlayers = 50;

/** Each table is looked into only so far: this is a list to pick from, not a census. */
const playersQuery = `
  select player from (
    (select player_id as player from lobby_participants limit 1000)
    union (select host_id from lobbies where host_id is not null limit 1000)
    union (select player_id from contract_players limit 1000)
  ) as known order by player limit ${mostPlayers}`;

const demoElsewhereQuery = `
  select from pg_stat_activity where datname = current_database() and application_name = $1 limit 1`;

export class Desk {
  readonly routes: ReadonlyMap<string, DeskRoute> = new Map([
    ['/development/state', this.guarded((request) => this.state(request))],
    ['/development/token', this.guarded((request) => this.token(request))],
    ['/development/sample', this.guarded((request) => this.sample(request))],
    ['/development/demo', this.guarded((request) => this.runDemo(request))],
  ]);
  private readonly demo: DemoProcess;
  private underWay = 0;
  private stopped = false;
  /** Changes are made one after the other. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: DeskOptions) {
    this.demo = new DemoProcess({ ...options, rate: demoRate });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.demo.stop();
  }

  private guarded(answer: (request: IncomingMessage) => Promise<object>): DeskRoute {
    return async (request) => {
      const { logger } = this.options;
      const refusal = deskRefusal(request.headers);
      if (refusal !== null) {
        const { host, origin } = request.headers;
        logger.warn({ refusal, host, origin }, 'a request to the development desk was refused');
        return { status: 403, value: { error: `Refused: ${refusal}` } };
      }
      if (this.underWay >= mostUnderWay) return { status: 429, value: { error: 'One at a time, please.' } };
      this.underWay += 1;
      try {
        return { status: 200, value: await answer(request) };
      } catch (error) {
        if (error instanceof DeskError) return { status: error.status, value: { error: error.message } };
        logger.warn({ err: error }, 'the development desk could not do what it was asked for');
        // Whoever asks here runs this server: the database's own words are what helps.
        const message = error instanceof Error ? error.message : 'unknown';
        return { status: 503, value: { error: `The database says: ${message}` } };
      } finally {
        this.underWay -= 1;
      }
    };
  }

  private async state(request: IncomingMessage): Promise<object> {
    await readRequest(request, emptyRequest);
    const { pool, withTables } = this.options;
    if (!withTables) return { players: [], lobbies: [], contracts: [], samples: [], demo: null };
    const [players, lobbies, contracts, demo] = await Promise.all([
      pool.query<{ player: string }>(playersQuery),
      pool.query(made.lobbies),
      pool.query(made.contracts),
      this.demoState(),
    ]);
    return {
      players: players.rows.map(({ player }) => player),
      lobbies: lobbies.rows,
      contracts: contracts.rows,
      demo,
      samples: samples.map(({ name, title, event, sql, count = '' }) => ({
        name,
        title,
        event,
        sql,
        needs: needs({ sql, count }),
      })),
    };
  }

  private async token(request: IncomingMessage): Promise<object> {
    const { player } = await readRequest(request, tokenRequest);
    const token = await this.options.mint({ playerId: player });
    this.options.logger.info({ playerId: player }, 'the console took a development token');
    return { token };
  }

  private async sample(request: IncomingMessage): Promise<object> {
    const { name, ...values } = await readRequest(request, sampleRequest);
    this.needTables();
    return this.inTurn(async () => {
      const result = await runSample(this.options.pool, name, values);
      this.options.logger.info({ sample: name, ...values, rows: result.rows }, 'the console made a change');
      return result;
    });
  }

  private async runDemo(request: IncomingMessage): Promise<object> {
    const { run } = await readRequest(request, demoRequest);
    this.needTables();
    return this.inTurn(async () => {
      if (run && !this.demo.running) {
        if ((await this.demoState()).elsewhere) {
          throw new DeskError(409, 'A demo runs in another process already.');
        }
        if (this.stopped) throw new DeskError(503, 'The server is stopping.');
        this.demo.start();
        this.options.logger.info({ rate: demoRate }, 'the console started the demo');
      }
      if (!run && this.demo.running) {
        await this.demo.stop();
        for (const { sql, values } of sweep) await this.options.pool.query(sql, [...values]);
        this.options.logger.info('the console stopped the demo');
      }
      return { demo: await this.demoState() };
    });
  }

  private needTables(): void {
    if (!this.options.withTables) throw new DeskError(409, 'The documented tables are not served here.');
  }

  private async demoState() {
    const { running } = this.demo;
    if (running) return { running, elsewhere: false };
    const { rowCount } = await this.options.pool.query(demoElsewhereQuery, [demoApplicationName]);
    return { running, elsewhere: (rowCount ?? 0) > 0 };
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch((_itsOwn: unknown) => undefined);
    return turn;
  }
}
