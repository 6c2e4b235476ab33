/** One statement that changes very many rows, each an event, while others write single rows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from '../../../src/database/client.js';
import { metric } from '../../hostile/observe.js';
import { createFleet } from '../../support/instances.js';
import { followSocketIo, followRaw } from '../support/followers.js';
import { watchVitals, type Vitals } from '../support/vitals.js';

export interface BulkOptions {
  readonly databaseUrl: string;
  /** Rows that the one statement changes. */
  readonly rows: number;
  /** About how large each event is, in bytes, beyond what every one is. */
  readonly bytes: number;
  readonly say?: (line: string) => void;
}

export interface BulkReport {
  /** How long the statement took, with its commit. */
  readonly statementSeconds: number;
  /** From its commit until both clients had been told of all. */
  readonly deliveredSeconds: number;
  /** What the commits of the others took while it ran and until all was delivered, in milliseconds. */
  readonly commits: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  /** Resident memory of the server in bytes: before, and at most. */
  readonly rssBefore: number;
  readonly rssMost: number;
  /** Each client, and how often it was told of a row of the statement; and what it was told of gaps. */
  readonly told: readonly {
    readonly client: string;
    readonly events: number;
    readonly gaps: readonly string[];
  }[];
  /** Of other clients, meanwhile. */
  readonly vitals: Vitals;
}

const writers = 4;

export async function runBulk(options: BulkOptions): Promise<BulkReport> {
  const { databaseUrl, rows, bytes, say = () => undefined } = options;
  const fleet = await createFleet(databaseUrl, { LOG_LEVEL: 'warn' });
  const pool = createPool({ url: databaseUrl, applicationName: 'bulk', max: writers + 2 });
  try {
    const server = await fleet.start();
    // As if they had been there before the server was: without their events.
    const seeding = await pool.connect();
    await seeding.query('set session_replication_role = replica');
    await seeding.query(
      `insert into contracts (chain_id, terms)
       select 1, jsonb_build_object('text', (select string_agg(md5(random()::text), '') from generate_series(0, $2::int / 32) where g > 0))
       from generate_series(1, $1::int) g`,
      [rows, bytes],
    );
    await seeding.query('reset session_replication_role');
    seeding.release();
    await pool.query('vacuum analyze contracts');
    say(`${rows} rows are there`);

    const token = await fleet.token('witness');
    const followers = [
      followRaw('raw', 'witness', server.wsUrl, token),
      followSocketIo('socketio', 'witness', server.url, token),
    ];
    await Promise.all(followers.map(({ greeting }) => greeting));
    const rssBefore = await metric(server, 'process_resident_memory_bytes');
    let rssMost = rssBefore;
    let going = true;
    const watching = (async () => {
      while (going) {
        rssMost = Math.max(rssMost, await metric(server, 'process_resident_memory_bytes'));
        await sleep(100);
      }
    })();
    const watched = await watchVitals(server, await fleet.token('vitals'));
    const latencies: number[] = [];
    const writing = Array.from({ length: writers }, async () => {
      while (going) {
        const began = performance.now();
        await pool.query(`insert into bounties (title, created_by) values ('single', 'x')`);
        latencies.push(performance.now() - began);
        await sleep(10);
      }
    });

    const began = performance.now();
    await pool.query(`update contracts set status = 'initialized' where chain_id = 1`);
    const committed = performance.now();
    say(`committed after ${((committed - began) / 1000).toFixed(1)} s`);
    const { rows: last } = await pool.query<{ id: string }>(
      'insert into contracts default values returning id',
    );
    await Promise.all(
      followers.map((follower) => follower.heard(({ data }) => data.contractId === last[0]?.id)),
    );
    const delivered = performance.now();
    going = false;
    await Promise.all([...writing, watching]);
    const vitals = await watched.seen();
    for (const follower of followers) follower.close();

    const sorted = latencies.sort((one, other) => one - other);
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    return {
      statementSeconds: (committed - began) / 1000,
      deliveredSeconds: (delivered - committed) / 1000,
      commits: sorted.length,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      mostMs: at(1),
      rssBefore,
      rssMost,
      told: followers.map(({ name, told, gaps }) => ({
        client: name,
        events: told.filter(({ data }) => data.type === 'contract.initialized').length,
        gaps,
      })),
      vitals,
    };
  } finally {
    await fleet.stop();
    await pool.end();
  }
}
