/** Deliveries per CPU second of the server, against peers started by this script; medians of interleaved repeats. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded } from '../../src/database/embedded.js';
import { cpuSeconds, median } from './processes.js';
import { floor, loadCore, peer, pin, product, type System } from './systems.js';
import { shapeOf } from './shape.js';

const repeats = Number(process.env['BENCH_REPEATS'] ?? 5);
const clients = Number(process.env['BENCH_CLIENTS'] ?? 1000);

interface Result {
  readonly scenario: string;
  readonly system: string;
  /** Thousand deliveries per CPU second: the median, the least and the most of the repeats. */
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Runs `rounds` rounds of work and returns deliveries per CPU second. */
async function measure(
  system: System,
  rounds: number,
  perRound: number,
  each: number | undefined,
  work: () => Promise<void>,
) {
  const before = cpuSeconds(system.pid);
  for (let round = 0; round < rounds; round++) {
    const received = system.load.received(perRound, each);
    await work();
    await received;
  }
  return (rounds * perRound) / (cpuSeconds(system.pid) - before);
}

async function compare(
  scenario: string,
  systems: readonly System[],
  one: (system: System) => Promise<number>,
): Promise<Result[]> {
  const runs = new Map<System, number[]>(systems.map((system) => [system, []]));
  for (const system of systems) await one(system); // Warm-up.
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const system of systems) runs.get(system)?.push(await one(system));
  }
  const results = systems.map((system) => {
    const values = (runs.get(system) ?? []).map((value) => value / 1000);
    return {
      scenario,
      system: system.name,
      median: median(values),
      least: Math.min(...values),
      most: Math.max(...values),
    };
  });
  for (const { system, median: mid, least, most } of results) {
    console.log(
      `${scenario.padEnd(24)} ${system.padEnd(38)} ${mid.toFixed(0).padStart(6)}k  (${least.toFixed(0)}–${most.toFixed(0)})`,
    );
  }
  return results;
}

const dataDir = await mkdtemp(join(tmpdir(), 'hashi-bench-db-'));
const postgres = await startEmbedded({ dataDir });
pin(postgres.pid, loadCore);
const results: Result[] = [];
try {
  console.log(
    `${cpus()[0]?.model ?? 'CPU'}, ${cpus().length} cores, Node ${process.version}, ${clients} clients, ${repeats} repeats\n`,
  );
  const plain = shapeOf(clients, 0, 0);
  const raw = await product('raw', postgres.url, plain);
  const io = await product('socketio', postgres.url, plain);
  // What the product sends, for the peers to send the same.
  const url = new URL(postgres.url);
  const names = new pg.Client(postgres.url);
  await names.connect();
  const { rows } = await names.query(
    `select datname from pg_database where datname like 'bench_raw_%' order by oid desc limit 1`,
  );
  url.pathname = `/${rows[0].datname}`;
  await names.end();
  const sample = new pg.Client(url.href);
  await sample.connect();
  const received = raw.load.received(clients, 1);
  await raw.everyone(1);
  await received;
  const text = (await sample.query('select data from realtime.events order by id desc limit 1')).rows[0]
    .data as string;
  await sample.end();
  const bytes = `{"type":"contract:event","data":${text}}`.length;

  const systems = [
    raw,
    io,
    await peer('stock', JSON.parse(text), plain),
    await peer('ws', JSON.parse(text), plain),
    await floor(bytes, false, plain),
    await floor(bytes, true, plain),
  ].filter((system) => system !== null);
  results.push(
    ...(await compare('one event in flight', systems, (system) =>
      measure(system, 150, clients, 1, () => system.everyone(1)),
    )),
    ...(await compare('backlog of 16', systems, (system) =>
      measure(system, 40, clients * 16, 16, () => system.everyone(16)),
    )),
  );
  for (const system of systems) await system.stop();

  const inRooms = shapeOf(2000, 5000, 4);
  const roomSystems = [
    await product('raw', postgres.url, inRooms),
    await product('socketio', postgres.url, inRooms),
    await peer('stock', JSON.parse(text), inRooms),
    await peer('ws', JSON.parse(text), inRooms),
  ];
  results.push(
    ...(await compare('5,000 rooms of 4', roomSystems, (system) =>
      measure(system, 4, 20_000, 10, async () => system.rooms?.()),
    )),
  );
  for (const system of roomSystems) await system.stop();

  const of = (scenario: string, system: string) =>
    results.find((result) => result.scenario === scenario && result.system.startsWith(system))?.median ??
    Number.NaN;
  console.log();
  for (const scenario of new Set(results.map((result) => result.scenario))) {
    const stock = of(scenario, 'stock');
    for (const ours of ['hashi-socket, raw', 'hashi-socket, Socket.IO']) {
      const mine = of(scenario, ours);
      console.log(
        `${scenario}: ${ours} = ${(mine / stock).toFixed(2)} × stock, ${(mine / of(scenario, 'ws')).toFixed(2)} × ws, ` +
          `${(mine / of(scenario, 'floor, one write an')).toFixed(2)} × floor, ${(mine / of(scenario, 'floor, one write a socket')).toFixed(2)} × joined floor`,
      );
    }
  }
} finally {
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}
process.exit(0);
