/**
 * How long a change takes to reach a client, and whether a steady load does:
 *
 *   npm run bench:latency -- [--changes 500] [--rate 2000] [--seconds 20]
 *
 * One server process with its embedded Postgres (durable settings), one client, and this process that writes. Both
 * ends are timed by this process's one clock.
 *
 * - "from send": from just before the writer sends its INSERT, a transaction of its own, until the frame arrives.
 * - "from commit": from when the writer hears that it is committed. Below zero, the frame was there first.
 *
 * Exit code 1 when an event was lost or came twice; what was measured decides nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { connectClient, protocols, type Protocol } from './support/client.js';
import { machine } from './support/machine.js';
import { startServerProcess, type ServerProcess } from './support/server-process.js';
import { aligned, percentile } from './support/statistics.js';

const { values } = parseArgs({
  options: {
    changes: { type: 'string', default: '500' },
    rate: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '20' },
  },
});
const changes = Number(values.changes);
const rate = Number(values.rate);
const seconds = Number(values.seconds);
if (![changes, rate, seconds].every((value) => Number.isInteger(value) && value > 0)) {
  throw new Error('--changes, --rate and --seconds must be whole numbers above 0');
}

const warmUp = 50;
const writers = 8;
const insert = 'insert into contracts (status, stake_amount) values ($1, $2) returning id';
const parameters = ['created', '1000000000000000000'];
const ms = (value: number) => value.toFixed(2);

async function connectWriter(server: ServerProcess): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.databaseUrl, application_name: 'bench' });
  await client.connect();
  return client;
}

/** When a change was sent, committed and received. */
interface Change {
  readonly sentAt: number;
  readonly committedAt: number;
  readonly arrivedAt: number;
}

/** One change after another, with a pause of up to 40 ms between: an idle machine. */
async function single(server: ServerProcess, protocol: Protocol): Promise<Change[]> {
  const arrived = new Map<string, number>();
  let onArrival: (() => void) | undefined;
  const client = await connectClient(protocol, server, (id, at) => {
    if (arrived.has(id)) throw new Error(`the event of ${id} came twice`);
    arrived.set(id, at);
    onArrival?.();
  });
  const writer = await connectWriter(server);
  const measured: Change[] = [];
  for (let n = 0; n < warmUp + changes; n++) {
    await sleep(Math.random() * 40);
    const sentAt = performance.now();
    const { rows } = await writer.query<{ id: string }>({ name: 'insert', text: insert, values: parameters });
    const committedAt = performance.now();
    const id = rows[0]?.id ?? '';
    const arrivedAt = await inTime(
      new Promise<number>((resolve) => {
        onArrival = () => {
          const at = arrived.get(id);
          if (at !== undefined) resolve(at);
        };
        onArrival();
      }),
      `the event of ${id} did not come`,
    );
    if (n >= warmUp) measured.push({ sentAt, committedAt, arrivedAt });
  }
  await writer.end();
  client.close();
  return measured;
}

interface Sample {
  readonly at: number;
  /** Committed and not received yet, as this process sees it. */
  readonly behind: number;
  readonly lagSeconds: number;
}

/** Several writers, each at its share of the rate, whatever the rest of the machine does. */
async function sustained(server: ServerProcess, protocol: Protocol) {
  const arrived = new Map<string, number>();
  const client = await connectClient(protocol, server, (id, at) => {
    if (arrived.has(id)) throw new Error(`the event of ${id} came twice`);
    arrived.set(id, at);
  });
  const committed: { id: string; sentAt: number; committedAt: number }[] = [];
  const startedAt = performance.now() + 100;
  const total = rate * seconds;

  const write = async (writer: number) => {
    const database = await connectWriter(server);
    for (let n = writer; n < total; n += writers) {
      const wait = startedAt + (n / rate) * 1000 - performance.now();
      if (wait > 1) await sleep(wait);
      const sentAt = performance.now();
      const { rows } = await database.query<{ id: string }>({
        name: 'insert',
        text: insert,
        values: parameters,
      });
      committed.push({ id: rows[0]?.id ?? '', sentAt, committedAt: performance.now() });
    }
    await database.end();
  };

  const samples: Sample[] = [];
  const sampler = setInterval(() => {
    const behind = committed.length - arrived.size;
    server.metric('hashi_log_lag_seconds').then(
      (lagSeconds) => samples.push({ at: performance.now() - startedAt, behind, lagSeconds }),
      (error: unknown) => console.error('could not sample the lag:', error),
    );
  }, 250);

  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  const tookMs = performance.now() - startedAt;
  clearInterval(sampler);
  await inTime(
    (async () => {
      while (arrived.size < total) await sleep(10);
    })(),
    `of ${total} events ${arrived.size} came`,
  ).catch((error: unknown) => console.error(String(error)));
  client.close();
  const measured = committed.flatMap(({ id, ...times }) => {
    const arrivedAt = arrived.get(id);
    return arrivedAt === undefined ? [] : [{ ...times, arrivedAt }];
  });
  return { measured, samples, achieved: total / (tookMs / 1000), lost: total - measured.length };
}

async function inTime<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  const controller = new AbortController();
  const late = sleep(30_000, undefined, { signal: controller.signal }).then(() => {
    throw new Error(otherwise);
  });
  late.catch((_aborted: unknown) => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    controller.abort();
  }
}

function row(name: string, measured: readonly Change[]): string[] {
  const fromSend = measured.map(({ sentAt, arrivedAt }) => arrivedAt - sentAt);
  const fromCommit = measured.map(({ committedAt, arrivedAt }) => arrivedAt - committedAt);
  const cells = [fromSend, fromCommit].flatMap((samples) =>
    [50, 95, 99].map((percent) => ms(percentile(samples, percent))),
  );
  return [name, String(measured.length), ...cells];
}

const heading = ['', 'changes', 'p50', 'p95', 'p99', 'commit p50', 'p95', 'p99'];

/** Growing is what the last quarter has more of than the one after the start, beyond the noise of a few events. */
function lagSentence(samples: readonly Sample[]): string {
  const quarter = (n: number) => samples.slice((samples.length * n) / 4, (samples.length * (n + 1)) / 4);
  const median = (n: number) =>
    percentile(
      quarter(n).map(({ behind }) => behind),
      50,
    );
  const [before, after] = [median(1), median(3)];
  const most = Math.max(0, ...samples.map(({ behind }) => behind));
  const lag = Math.max(0, ...samples.map(({ lagSeconds }) => lagSeconds)) * 1000;
  const verdict = after > 2 * before + rate / 100 ? 'grows' : 'does not grow';
  return `the lag ${verdict}: median ${before} events behind in the second quarter, ${after} in the last, ${most} at most; the server's own gauge at most ${lag.toFixed(0)} ms`;
}

let lostAny = false;
console.log(`${machine()}\nEmbedded Postgres, fsync on; times in milliseconds.\n`);

const server = await startServerProcess();
try {
  const idle: string[][] = [heading];
  for (const protocol of protocols) idle.push(row(protocol, await single(server, protocol)));
  console.log(`One change at a time, ${changes} each, from send and from commit; wanted: p50 ≤ 5, p99 ≤ 25`);
  console.log(`${aligned(idle)}\n`);

  for (const protocol of protocols) {
    const { measured, samples, achieved, lost } = await sustained(server, protocol);
    lostAny ||= lost > 0;
    console.log(
      `${rate} changes a second wanted, ${achieved.toFixed(0)} done, for ${seconds} s, ${writers} writers`,
    );
    console.log(aligned([heading, row(protocol, measured)]));
    console.log(`${lost} lost; ${lagSentence(samples)}\n`);
  }
} finally {
  await server.stop();
}
process.exitCode = lostAny ? 1 : 0;
