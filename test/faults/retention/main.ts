/**
 * `npm run retention -- --minutes M --rate N`: writers at a steady rate against a short retention, and the largest size
 * of the log's tables and indexes in every minute. Fails when it grows once old slots are dropped, or an event is lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import WebSocket from 'ws';
import { createPool } from '../../../src/database/client.js';
import { metric } from '../../hostile/observe.js';
import { startProcess } from '../../hostile/process.js';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { largest, measure, type Sizes } from './sizes.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '1000' },
    keep: { type: 'string', default: '300000' },
  },
});
const [minutes, rate, keep] = [values.minutes, values.rate, values.keep].map(Number) as [
  number,
  number,
  number,
];
if (!(minutes > 0) || !(rate > 0) || !(keep > 0)) {
  process.stderr.write(
    'Usage: npm run retention -- [--minutes M] [--rate EVENTS_PER_SECOND] [--keep EVENTS]\n',
  );
  process.exit(2);
}

const writers = 8;
const contracts = 1000;
/** How much larger it may be in the last third than in the first, in the middle, once every slot has been dropped once. */
const slack = 1.15;

interface Look extends Sizes {
  readonly written: number;
  readonly rss: number;
}

const show = (text: string) => process.stdout.write(`${text}\n`);
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
/**
 * The log grows by a slot and shrinks by one, all the time. Looked at once a minute it would seem to grow, or to shrink,
 * wherever a slot takes about a minute, too.
 */
const everyMs = 5000;
/** What drops a slot comes a turn late now and then, so the middle tells more than the top. */
const middle = (looks: readonly Look[], of: (look: Look) => number) =>
  looks.map(of).sort((one, other) => one - other)[looks.length >> 1] ?? 0;
const most = (looks: readonly Look[], of: (look: Look) => number) => Math.max(...looks.map(of));

const { postgres, dataDir, stop } = await startOwnPostgres('retention');
const pool = createPool({ url: postgres.url, applicationName: 'retention', max: writers + 1 });
try {
  const server = await startProcess(postgres.url, dataDir, { HASHI_RETENTION_EVENTS: String(keep) });
  try {
    await Promise.race([run(server), server.died]);
  } finally {
    await server.stop();
  }
} finally {
  await pool.end();
  await stop();
}

async function run(server: Awaited<ReturnType<typeof startProcess>>): Promise<void> {
  await pool.query(`insert into contracts select from generate_series(1, $1)`, [contracts]);
  await pool.query(`insert into lobbies (code) values ('ONE')`);
  const { rows } = await pool.query<{ id: string }>('select id from contracts');
  const witness = await watch(`${server.wsUrl}/?token=${await server.token('witness')}`);

  let writing = true;
  let written = 0;
  let announced = 0;
  const write = async (own: number) => {
    const lobby = '(select id from lobbies)';
    let due = performance.now();
    for (let turn = 0; writing; turn++) {
      due += (1000 * writers) / rate;
      const early = due - performance.now();
      if (early > 1) await sleep(early);
      // A machine that cannot keep up is not asked for more and more.
      else if (early < -1000) due = performance.now();
      const member = turn % 20;
      if (member === 0) {
        await pool.query(`insert into lobby_participants (lobby_id, player_id) values (${lobby}, $1)`, [
          `p${own}`,
        ]);
      } else if (member === 10) {
        await pool.query(`delete from lobby_participants where player_id = $1`, [`p${own}`]);
      } else {
        // Each writer has rows of its own, and every update of one is an event.
        const { id } = rows[(turn * writers + own) % contracts] ?? {};
        await pool.query(`update contracts set contested_at = clock_timestamp() where id = $1`, [id]);
        announced++;
      }
      written++;
    }
  };
  const running = Array.from({ length: writers }, (_, own) => write(own));

  const looks: Look[] = [];
  const began = performance.now();
  show('minute  events/s  log: tables  indexes  dead rows  floor  catalogue  server RSS (MiB)');
  for (let minute = 1; minute <= Math.max(1, minutes); minute++) {
    const before = written;
    const from = performance.now();
    const until = began + minute * Math.min(1, minutes) * 60_000;
    let sizes = await measure(pool);
    while (performance.now() < until) {
      await sleep(Math.min(everyMs, until - performance.now()));
      sizes = largest(sizes, await measure(pool));
    }
    const look = {
      ...sizes,
      written: ((written - before) * 1000) / (performance.now() - from),
      rss: await metric(server, 'process_resident_memory_bytes'),
    };
    looks.push(look);
    const { tables, indexes, dead, floor, catalogue, rss } = look;
    show(
      `${minute}  ${look.written.toFixed(0)}  ${mib(tables)}  ${mib(indexes)}  ${dead}  ${floor}  ${mib(catalogue)}  ${mib(rss)}`,
    );
  }
  writing = false;
  await Promise.all(running);

  const [last] = (await pool.query<{ id: string }>('insert into contracts default values returning id')).rows;
  await witness.told(last?.id ?? '');
  const lost = announced - (witness.count() - 1);
  witness.close();

  // Eight slots: once all of them have been dropped once, nothing may grow any more.
  const steady = looks.filter(({ floor }) => floor > keep);
  const third = Math.floor(steady.length / 3);
  const [first, end] = [steady.slice(0, third), steady.slice(-third)];
  const grown = (['tables', 'indexes', 'catalogue', 'rss'] as const).filter(
    (what) => middle(end, (look) => look[what]) > slack * middle(first, (look) => look[what]),
  );
  const seconds = (performance.now() - began) / 1000;
  show(
    `${written} events in ${(seconds / 60).toFixed(1)} min, ${(written / seconds).toFixed(0)} a second; lost: ${lost}`,
  );
  if (third === 0) {
    show('too short to say whether it is flat: no slot has been dropped often enough');
  } else {
    const say = (looks: readonly Look[]) =>
      (['tables', 'indexes'] as const).map(
        (what) =>
          `${what} ${mib(middle(looks, (look) => look[what]))} MiB (at most ${mib(most(looks, (look) => look[what]))})`,
      );
    show(grown.length === 0 ? 'flat' : `GROWN: ${grown.join(', ')}`);
    show(`first third: ${say(first).join(', ')}`);
    show(`last third: ${say(end).join(', ')}`);
    show(`dead rows: at most ${most(steady, (look) => look.dead)}`);
  }
  const complaints = server.complaints();
  if (complaints.length > 0) show(complaints.slice(0, 20).join('\n'));
  if (grown.length > 0 || lost !== 0 || complaints.length > 0) process.exitCode = 1;
}

interface Watcher {
  /** Contract events received. */
  count(): number;
  /** Resolves when an event names it. */
  told(contractId: string): Promise<void>;
  close(): void;
}

/** Counts without parsing: at this rate that would be most of the work. */
async function watch(url: string): Promise<Watcher> {
  const ws = new WebSocket(url);
  let count = 0;
  let wanted: { id: string; resolve: () => void } | undefined;
  ws.on('message', (data: Buffer) => {
    const text = data.toString('utf8', 0, 400);
    if (text.startsWith('{"type":"contract:event"')) count++;
    if (wanted && text.includes(wanted.id)) wanted.resolve();
  });
  await new Promise((resolve, reject) => ws.once('message', resolve).once('error', reject));
  return {
    count: () => count,
    told: (id) =>
      new Promise((resolve, reject) => {
        wanted = { id, resolve };
        ws.once('close', (code) => reject(new Error(`the witness was closed: ${code}`)));
      }),
    close: () => ws.close(),
  };
}
