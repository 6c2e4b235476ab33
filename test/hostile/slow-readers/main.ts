/**
 * `npm run slow-readers`: what clients that stop reading cost the others. Halves without and with them take turns on one
 * server; printed are the honest clients' delays in both and the server's memory as it goes.
 *
 *   npm run slow-readers -- [--stalled 500] [--honest 40] [--rate 100] [--seconds 30] [--repeats 4] [--come-back]
 *
 * With --come-back a client that was cut off connects and stalls again, for as long as its half lasts: the server then
 * sends each of them what its kernel holds for a connection, over and over.
 *
 * Fails when a stream is not exact, when memory grows from repeat to repeat, or when the unsent bytes pass what the
 * setting allows. Delays decide nothing: they depend on what else the machine does.
 */
import { fork } from 'node:child_process';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createPool } from '../../../src/database/client.js';
import { machine } from '../../../bench/support/machine.js';
import { percentile } from '../../../bench/support/statistics.js';
import { eventually, metric } from '../observe.js';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { startProcess, type ServerProcess } from '../process.js';
import { Readers } from './readers.js';
import type { Order, Report } from './stallers.js';

const { values } = parseArgs({
  options: {
    stalled: { type: 'string', default: '500' },
    honest: { type: 'string', default: '40' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '30' },
    repeats: { type: 'string', default: '4' },
    'come-back': { type: 'boolean', default: false },
  },
});
const [stalled, honest, rate, seconds, repeats] = [
  values.stalled,
  values.honest,
  values.rate,
  values.seconds,
  values.repeats,
].map(Number) as [number, number, number, number, number];
if (![stalled, honest, rate, seconds, repeats].every((value) => Number.isInteger(value) && value > 0)) {
  process.stderr.write(
    'Usage: npm run slow-readers -- [--stalled N] [--honest N] [--rate N] [--seconds N] [--repeats N] [--come-back]\n',
  );
  process.exit(2);
}

const eventBytes = 10_000;
const maxUnsentBytes = 1 << 20;
/** How much more the server may hold at the end of the last half than at the end of the first two. */
const rssSlack = 96 << 20;

const show = (text: string) => process.stdout.write(`${text}\n`);
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
const ms = (value: number) => value.toFixed(1);

interface Half {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly cutOff: number;
  /** At the end, and the most that was seen. */
  readonly rss: number;
  readonly rssMost: number;
  readonly unsentMost: number;
}

const heard = <Kind extends Report>(fits: (report: Report) => report is Kind) =>
  new Promise<Kind>((resolve) => {
    const listen = (report: Report) => {
      if (!fits(report)) return;
      mob.off('message', listen);
      resolve(report);
    };
    mob.on('message', listen);
  });

const { postgres, dataDir, stop } = await startOwnPostgres('slow-readers');
const pool = createPool({ url: postgres.url, applicationName: 'slow-readers', max: 1 });
const mob = fork(new URL('stallers.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
try {
  const server = await startProcess(postgres.url, dataDir, {
    HASHI_MAX_CONNECTIONS_PER_ADDRESS: String(2 * stalled + honest + 100),
    HASHI_MAX_UNSENT_BYTES: String(maxUnsentBytes),
  });
  try {
    await Promise.race([compare(server), server.died]);
  } finally {
    await server.stop();
  }
} finally {
  mob.disconnect();
  await pool.end();
  await stop();
}
process.exit(0);

async function compare(server: ServerProcess): Promise<void> {
  show(machine());
  show(
    `${honest} honest clients, ${rate} events/s of ${eventBytes} bytes, halves of ${seconds} s; ` +
      `${stalled} stalled clients, half of them Socket.IO's${values['come-back'] ? ', that come back' : ''}; ` +
      `load ${loadavg()[0]?.toFixed(2)}`,
  );
  const tokens = await Promise.all(Array.from({ length: stalled }, (_, at) => server.token(`stalled-${at}`)));
  const readers = await Readers.connect(server, honest);
  let events = 0;
  const write = () => {
    const event = ++events;
    readers.sentAt.set(event, performance.now());
    return pool.query('insert into contracts (chain_id, terms) values ($1, $2)', [event, filler]);
  };
  const filler = JSON.stringify({ filler: 'x'.repeat(eventBytes) });

  /** Events at the rate for so many seconds, and what the server says of itself meanwhile. */
  async function load(forSeconds: number): Promise<Omit<Half, 'cutOff'>> {
    readers.delays = [];
    let [rssMost, unsentMost, rss] = [0, 0, 0];
    let over = false;
    const looking = (async () => {
      while (!over) {
        const [resident, unsent] = await Promise.all([
          metric(server, 'process_resident_memory_bytes'),
          metric(server, 'hashi_unsent_bytes'),
        ]);
        [rssMost, unsentMost] = [Math.max(rssMost, resident), Math.max(unsentMost, unsent)];
        await sleep(1000);
      }
    })();
    // Told where it is awaited, below.
    looking.catch(() => undefined);
    const from = performance.now();
    for (let turn = 0; turn < forSeconds * rate; turn++) {
      const wait = from + (turn * 1000) / rate - performance.now();
      if (wait > 1) await sleep(wait);
      await write();
    }
    await eventually(() => readers.has(events) || readers.wrong.length > 0, Boolean, 60_000);
    if (readers.wrong.length > 0) throw new Error(readers.wrong.slice(0, 5).join('\n'));
    over = true;
    await looking;
    rss = await metric(server, 'process_resident_memory_bytes');
    const { delays } = readers;
    return {
      p50: percentile(delays, 50),
      p99: percentile(delays, 99),
      max: percentile(delays, 100),
      rss,
      rssMost: Math.max(rssMost, rss),
      unsentMost,
    };
  }

  async function half(hostile: boolean): Promise<Half> {
    if (!hostile) return { ...(await load(seconds)), cutOff: 0 };
    const order: Order = { url: server.url, tokens, comeBack: values['come-back'] };
    const stalling = heard((report): report is { stalled: number } => 'stalled' in report);
    mob.send(order);
    await stalling;
    const measured = await load(seconds);
    const leaving = heard((report): report is { left: true; cutOff: number } => 'left' in report);
    mob.send('leave');
    const { cutOff } = await leaving;
    await eventually(
      () => metric(server, 'hashi_connections'),
      (open) => open === honest,
      30_000,
    );
    return { ...measured, cutOff };
  }

  // What is compiled and cached once is no matter of the first half.
  await load(10);
  const pairs: [Half, Half][] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    // Now one first, now the other.
    const first = await half(repeat % 2 === 1);
    const second = await half(repeat % 2 === 0);
    const [without, together] = repeat % 2 === 1 ? [second, first] : [first, second];
    pairs.push([without, together]);
    const of = (name: string, { p50, p99, max, rss, rssMost, unsentMost }: Half) =>
      `  ${name}  p50 ${ms(p50)}  p99 ${ms(p99)}  max ${ms(max)} ms; rss ${mib(rss)} MiB (most ${mib(rssMost)}), unsent at most ${mib(unsentMost)} MiB`;
    show(
      `repeat ${repeat + 1}: p99 × ${(together.p99 / without.p99).toFixed(2)}; ${together.cutOff} cut off; load ${loadavg()[0]?.toFixed(2)}`,
    );
    show(of('without', without));
    show(of('with   ', together));
  }
  const ratios = pairs.map(([without, together]) => together.p99 / without.p99);
  show(`p99 with ÷ without: median ${percentile(ratios, 50).toFixed(2)} of ${ratios.length}`);
  readers.leave();

  const wrong = [...readers.wrong, ...server.complaints()];
  const ends = pairs.map((pair) => Math.max(pair[0].rss, pair[1].rss));
  const grown = (ends.at(-1) ?? 0) - (ends[0] ?? 0);
  if (grown > rssSlack)
    wrong.push(`the server's memory grew by ${mib(grown)} MiB from the first repeat to the last`);
  const unsentMost = Math.max(...pairs.map(([, together]) => together.unsentMost));
  if (unsentMost > stalled * (maxUnsentBytes + 4 * eventBytes))
    wrong.push(`${mib(unsentMost)} MiB were unsent`);
  if (wrong.length > 0)
    throw new Error(`what went wrong, first of ${wrong.length}:\n${wrong.slice(0, 5).join('\n')}`);
  show(`${events} events, every stream exact`);
}
