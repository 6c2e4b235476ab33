/**
 * `npm run soak -- --minutes M`: honest clients and hostile ones, with faults now and then. Fails when what the server
 * holds grows, when it complains, or when an honest client misses or repeats an event.
 *
 * The heap is read right after a garbage collection, through Node's inspector, for between two collections it says
 * nothing; so are event listeners and timers. What counts is the line through the samples of the run's later half.
 */
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createPool } from '../../../src/database/client.js';
import { eventually, metric } from '../observe.js';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { startProcess, type ServerProcess } from '../process.js';
import { machine } from '../../../bench/support/machine.js';
import { Crowd } from './crowd.js';
import { Inspector, type Held } from './inspector.js';
import { riseOfLaterHalf, slopePerMinute } from './trend.js';
import { riot } from './mob.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    clients: { type: 'string', default: '2000' },
    hostile: { type: 'string', default: '60' },
    rate: { type: 'string', default: '10' },
    bytes: { type: 'string', default: '10000' },
  },
});
const minutes = Number(values.minutes);
const clients = Number(values.clients);
const hostile = Number(values.hostile);
/** Events a second, and how large they are. */
const eventsPerSecond = Number(values.rate);
const eventBytes = Number(values.bytes);
if (!(minutes > 0) || !(clients > 0) || !(hostile >= 0) || !(eventsPerSecond > 0) || !(eventBytes >= 0)) {
  process.stderr.write(
    'Usage: npm run soak -- [--minutes M] [--clients N] [--hostile N] [--rate EVENTS_A_SECOND] [--bytes N]\n',
  );
  process.exit(2);
}

const faultEveryMs = 30_000;
/** As many as the server keeps: so many, or 8 MiB of them. */
const windowEvents = Math.min(4096, Math.ceil((8 << 20) / (eventBytes + 200)));
const lookEveryMs = 20_000;
/** How much may be more at the end of the later half than at its start, by the line through its samples. */
const slack = { heap: 6 << 20, listeners: 2_000, timers: 1_000, fds: 200 };

interface Look extends Held {
  readonly rss: number;
  readonly fds: number;
  readonly unsent: number;
  readonly connections: number;
}

async function look(server: ServerProcess, inspector: Inspector): Promise<Look> {
  const held = await inspector.held();
  const [rss, fds, unsent, connections] = await Promise.all([
    metric(server, 'process_resident_memory_bytes'),
    metric(server, 'process_open_fds'),
    metric(server, 'hashi_unsent_bytes'),
    metric(server, 'hashi_connections'),
  ]);
  return { ...held, rss, fds, unsent, connections };
}

const inWords = ({ heap, rss, listeners, timers, fds, connections, unsent }: Look) =>
  `heap ${mib(heap)}, rss ${mib(rss)}, ${listeners} listeners, ${timers} timers, ${fds} descriptors, ` +
  `${connections} connections, ${mib(unsent)} unsent`;

const show = (text: string) => process.stdout.write(`${text}\n`);
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const percentile = (sorted: readonly number[], part: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;

const { postgres, dataDir, stop } = await startOwnPostgres('soak');
const pool = createPool({ url: postgres.url, applicationName: 'soak', max: 2 });
try {
  const server = await startProcess(
    postgres.url,
    dataDir,
    {
      HASHI_MAX_CONNECTIONS_PER_ADDRESS: String(clients + 10 * hostile + 100),
      HASHI_UPGRADE_TIMEOUT_MS: '5000',
      HASHI_MAX_UNSENT_BYTES: '262144',
    },
    ['--inspect=127.0.0.1:0'],
  );
  try {
    const [, debuggerUrl = ''] = await server.printed(/Debugger listening on (ws:\S+)/);
    await Promise.race([soak(server, await Inspector.attach(debuggerUrl)), server.died]);
  } finally {
    await server.stop();
  }
} finally {
  await pool.end();
  await stop();
}
// Sockets that were reset halfway may linger here; nothing of them matters any more.
process.exit(0);

/** The server keeps its newest events in memory: what it holds of them is no growth, once it holds as many as it may. */
async function fillWindow(server: ServerProcess): Promise<void> {
  const first = await Crowd.connect(server, 8);
  for (let written = 0; written < windowEvents; written += 20) {
    await pool.query('insert into contracts (terms) select $1 from generate_series(1, 20)', [
      JSON.stringify({ filler: 'x'.repeat(eventBytes) }),
    ]);
    await sleep(50);
  }
  await eventually(
    () => metric(server, 'hashi_events_total'),
    (events) => events >= windowEvents,
    120_000,
  );
  first.leave();
}

async function soak(server: ServerProcess, inspector: Inspector): Promise<void> {
  show(`${machine()}; load ${loadavg()[0]?.toFixed(1)}`);
  await fillWindow(server);
  const crowd = await Crowd.connect(server, clients);
  const before = await look(server, inspector);
  show(
    `${clients} honest clients, ${hostile} hostile ones, ${eventsPerSecond} events/s of ${eventBytes} bytes, ${minutes} min; ${inWords(before)}`,
  );
  const looks: (Look & { readonly at: number })[] = [];

  const until = performance.now() + minutes * 60_000;
  const over = () => performance.now() >= until;
  const rioting = riot(server, hostile, over);
  let events = 0;
  let faultAt = performance.now() + faultEveryMs;
  let lookAt = performance.now() + lookEveryMs;
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
    if (performance.now() > lookAt) {
      lookAt = performance.now() + lookEveryMs;
      const now = { ...(await look(server, inspector)), at: performance.now() };
      looks.push(now);
      show(`${events} events; ${inWords(now)}`);
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
    wrong.push(...crowd.wrong);
    // A cut connection to the database is told, and no complaint.
    wrong.push(...server.complaints());
  }
  for (const [name, most] of Object.entries(slack) as [keyof typeof slack, number][]) {
    const samples = looks.map(({ at, [name]: value }) => ({ at, value }));
    const rise = riseOfLaterHalf(samples);
    const perMinute = slopePerMinute(samples.slice(Math.floor(samples.length / 2)));
    const text = (value: number) => (name === 'heap' ? mib(value) : value.toFixed(1));
    show(
      `${name} in the later half: ${text(perMinute)} a minute, ${text(rise)} in all (${looks.length} looks)`,
    );
    if (rise > most) wrong.push(`${name} grew by ${text(rise)} in the later half`);
  }
  const after = await look(server, inspector);
  const delays = crowd.delays.sort((a, b) => a - b);
  show(
    `${events} events, ${deeds} hostile deeds; before: ${inWords(before)}; after: ${inWords(after)}; ` +
      `delay p50 ${percentile(delays, 0.5)} ms, p99 ${percentile(delays, 0.99)} ms`,
  );
  crowd.leave();
  inspector.close();
  if (wrong.length > 0)
    throw new Error(`what went wrong, first of ${wrong.length}:\n${wrong.slice(0, 5).join('\n')}`);
  show(
    `streams exact, nothing grew; ${crowd.cameBack} Socket.IO clients lost their connection and recovered`,
  );
}
