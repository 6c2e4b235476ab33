/** What one `advance()` costs while somebody's transaction with many events stays open, here or elsewhere in the cluster. */
import type pg from 'pg';
import { catalog } from '../../../src/catalog/index.js';
import { connectClient } from '../../../src/database/client.js';
import { migrate } from '../../../src/database/migrate.js';

export interface OpenWriterOptions {
  /** An empty database, and another one of the same cluster. */
  readonly databaseUrl: string;
  readonly elsewhereUrl: string;
  /** Events of the transaction that stays open. */
  readonly events: number;
  /** Ticks that pass meanwhile: one a second is what an hour of steady writing makes at least. */
  readonly ticks: number;
}

/** Of one call: medians of several. */
export interface Work {
  readonly when: string;
  /** Pages of tables and indexes that were looked at. */
  readonly pages: number;
  readonly ms: number;
}

export interface OpenWriterReport {
  readonly works: readonly Work[];
  /** The call that numbers the transaction when it has committed. */
  readonly numbered: number;
  readonly numberedMs: number;
  /** The numbers follow each other, from the one before the commit on. */
  readonly dense: boolean;
}

const calls = 9;
const median = (values: readonly number[]) =>
  [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;

export async function runOpenWriter(options: OpenWriterOptions): Promise<OpenWriterReport> {
  const { databaseUrl, elsewhereUrl, events, ticks } = options;
  const clients: pg.Client[] = [];
  const connect = async (url = databaseUrl) => {
    const client = await connectClient({ url, applicationName: 'open-writer' });
    clients.push(client);
    return client;
  };
  try {
    const [reader, writer, open, elsewhere] = [
      await connect(),
      await connect(),
      await connect(),
      await connect(elsewhereUrl),
    ];
    await migrate(reader, { catalog });
    await reader.query('select realtime.ensure_epoch()');
    const emit = (count = 1, client = writer) =>
      client.query('insert into contracts (token) select $1 from generate_series(1, $2::int)', ['t', count]);
    const advance = async () =>
      Number((await reader.query<{ seq: string }>('select realtime.advance() as seq')).rows[0]?.seq);
    /** The call's own time and pages, as Postgres counts them. */
    const explained = async () => {
      const { rows } = await reader.query<Record<'QUERY PLAN', any[]>>(
        'explain (analyze, buffers, format json) select realtime.advance()',
      );
      const [{ Plan: plan }] = rows[0]?.['QUERY PLAN'] as [{ Plan: Record<string, number> }];
      return {
        pages: (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0),
        ms: plan['Actual Total Time'] ?? 0,
      };
    };
    const works: Work[] = [];
    const look = async (when: string, eventsEach = 1) => {
      // The first call after a change of the catalogue caches plans.
      if (eventsEach > 0) await emit(eventsEach);
      await advance();
      const seen = [];
      for (let call = 0; call < calls; call++) {
        if (eventsEach > 0) await emit(eventsEach);
        seen.push(await explained());
      }
      works.push({
        when,
        pages: median(seen.map(({ pages }) => pages)),
        ms: median(seen.map(({ ms }) => ms)),
      });
    };

    for (let tick = 0; tick < 20; tick++) {
      await emit();
      await advance();
    }
    await look('alone, with one new event');
    await open.query('begin');
    await emit(events, open);
    await elsewhere.query('create table if not exists open_writer (n int)');
    await elsewhere.query('begin; insert into open_writer values (1)');
    // A second later at the latest a tick is written, from which on they are passed over.
    await reader.query('select pg_sleep(1.01)');
    await look('behind it, with nothing new', 0);
    await look(`behind ${events} uncommitted events, and a writer in another database, the same`);
    for (let tick = 0; tick < ticks; tick++) {
      await emit();
      await advance();
    }
    await look(`after ${ticks} ticks more, the same`);

    const before = await advance();
    await open.query('commit');
    const began = performance.now();
    const after = await advance();
    const numberedMs = performance.now() - began;
    const { rows } = await reader.query<{ dense: boolean }>(
      `select count(*) = $2 and min(seq) = $1::bigint + 1 and max(seq) = $1::bigint + $2 as dense
       from realtime.log where seq > $1`,
      [before, events],
    );
    await look('when it has committed, the same');
    await elsewhere.query('rollback');
    return { works, numbered: after - before, numberedMs, dense: rows[0]?.dense === true };
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}
