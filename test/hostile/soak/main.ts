/**
 * `npm run soak -- --minutes M`: honest clients and hostile ones, with faults now and then. Fails when memory,
 * descriptors or unsent bytes grow, when the server complains, or when an honest client misses or repeats an event.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createPool } from '../../../src/database/client.js';
import { startEmbedded } from '../../../src/database/embedded.js';
import { eventually, metric } from '../observe.js';
import { startProcess, type ServerProcess } from '../process.js';
import { Crowd } from './crowd.js';
import { riot } from './mob.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    clients: { type: 'string', default: '2000' },
    hostile: { type: 'string', default: '60' },
  },
});
const [minutes, clients, hostile] = [values.minutes, values.clients, values.hostile].map(Number) as [
  number,
  number,
  number,
];
if (!(minutes > 0) || !(clients > 0) || !(hostile >= 0)) {
  process.stderr.write('Usage: npm run soak -- [--minutes M] [--clients N] [--hostile N]\n');
  process.exit(2);
}

const eventsPerSecond = 10;
const eventBytes = 10_000;
const faultEveryMs = 30_000;
/** How much the heap may differ between the first look at a full house and the last, in bytes. */
const heapSlack = 64 << 20;

interface Look {
  readonly heap: number;
  readonly fds: number;
  readonly unsent: number;
  readonly connections: number;
}

async function look(server: ServerProcess): Promise<Look> {
  const [heap, fds, unsent, connections] = await Promise.all([
    metric(server, 'nodejs_heap_size_used_bytes'),
    metric(server, 'process_open_fds'),
    metric(server, 'hashi_unsent_bytes'),
    metric(server, 'hashi_connections'),
  ]);
  return { heap, fds, unsent, connections };
}

const show = (text: string) => process.stdout.write(`${text}\n`);
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const percentile = (sorted: readonly number[], part: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;

const dataDir = await mkdtemp(join(tmpdir(), 'hashi-soak-'));
const postgres = await startEmbedded({ dataDir, tuning: 'test' });
const pool = createPool({ url: postgres.url, applicationName: 'soak', max: 2 });
try {
  const server = await startProcess(postgres.url, dataDir, {
    HASHI_MAX_CONNECTIONS_PER_ADDRESS: String(clients + 10 * hostile + 100),
    HASHI_UPGRADE_TIMEOUT_MS: '5000',
    HASHI_MAX_UNSENT_BYTES: '262144',
  });
  try {
    await Promise.race([soak(server), server.died]);
  } finally {
    await server.stop();
  }
} finally {
  await pool.end();
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}
// Sockets that were reset halfway may linger here; nothing of them matters any more.
process.exit(0);

async function soak(server: ServerProcess): Promise<void> {
  const crowd = await Crowd.connect(server, clients);
  const before = await look(server);
  show(
    `${clients} honest clients, ${hostile} hostile ones, ${minutes} min; heap ${mib(before.heap)}, ${before.fds} descriptors`,
  );

  const until = performance.now() + minutes * 60_000;
  const over = () => performance.now() >= until;
  const rioting = riot(server, hostile, over);
  let events = 0;
  let faultAt = performance.now() + faultEveryMs;
  let shownAt = performance.now();
  const filler = JSON.stringify({ filler: 'x'.repeat(eventBytes) });
  while (!over()) {
    await pool.query('insert into contracts (chain_id, terms) values ($1, $2)', [++events, filler]);
    await sleep(1000 / eventsPerSecond);
    if (performance.now() > faultAt) {
      faultAt = performance.now() + faultEveryMs;
      await pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'hashi-socket%'`,
      );
      show('cut every connection of the server to the database');
    }
    if (performance.now() - shownAt > 10_000) {
      shownAt = performance.now();
      const { heap, fds, unsent, connections } = await look(server);
      show(
        `${events} events; heap ${mib(heap)}, ${fds} descriptors, ${connections} connections, ${mib(unsent)} unsent`,
      );
    }
    if (crowd.wrong.length > 0) break;
  }
  const deeds = await rioting;

  const wrong = [...crowd.wrong];
  if (wrong.length === 0) {
    await eventually(() => crowd.has(events), Boolean, 60_000);
    await eventually(
      () => metric(server, 'hashi_connections'),
      (open) => open === clients,
      120_000,
    );
    await eventually(
      () => metric(server, 'process_open_fds'),
      (fds) => fds <= before.fds + 20,
      60_000,
    );
    await eventually(
      () => metric(server, 'hashi_unsent_bytes'),
      (unsent) => unsent === 0,
      60_000,
    );
    await eventually(
      () => metric(server, 'nodejs_heap_size_used_bytes'),
      (heap) => heap < before.heap + heapSlack,
      60_000,
    );
    wrong.push(...crowd.wrong);
    // A cut connection to the database is told, and no complaint.
    wrong.push(...server.complaints());
  }
  const after = await look(server);
  const delays = crowd.delays.sort((a, b) => a - b);
  show(
    `${events} events, ${deeds} hostile deeds; heap ${mib(before.heap)} ▶ ${mib(after.heap)}, descriptors ${before.fds} ▶ ${after.fds}; ` +
      `delay p50 ${percentile(delays, 0.5)} ms, p99 ${percentile(delays, 0.99)} ms`,
  );
  crowd.leave();
  if (wrong.length > 0)
    throw new Error(`what went wrong, first of ${wrong.length}:\n${wrong.slice(0, 5).join('\n')}`);
  show('streams exact, nothing grew');
}
