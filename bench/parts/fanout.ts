/** Deliveries per CPU second of the server: one event in flight, a backlog of 16, and rooms of four. */
import type { System } from '../systems/system.js';
import { names } from '../systems/system.js';
import { floor } from '../systems/floor.js';
import { peer } from '../systems/peer.js';
import { product, sampleOf } from '../systems/product.js';
import { shapeOf } from '../systems/shape.js';
import { compare, ratio } from '../support/compare.js';
import type { Context, Outcome, Part } from '../support/part.js';
import { cpuSeconds } from '../support/processes.js';

const unit = 'thousand deliveries per CPU second';
/** Rounds of a run. Each system warms up by as many, for V8 to have compiled what they go through. */
const roundsOf = { single: 250, backlog: 80, rooms: 10 };

/** So many rounds, each waited for; thousand deliveries per CPU second. */
export async function efficiency(
  system: System,
  rounds: number,
  expectation: { each: number } | { total: number },
  deliveries: number,
  work: () => Promise<void> | undefined,
): Promise<number> {
  const before = cpuSeconds(system.pid);
  for (let round = 0; round < rounds; round++) {
    const { arrived } = await system.load.expect(expectation);
    await work();
    await arrived;
  }
  return (rounds * deliveries) / (cpuSeconds(system.pid) - before) / 1000;
}

async function run({ repeats, quick, postgres }: Context): Promise<Outcome> {
  const clients = quick ? 100 : 1000;
  const shape = shapeOf(clients, 0, 0);
  const database = await postgres();
  const raw = await product({ protocol: 'raw', postgres: database, shape });
  const data = await sampleOf(raw);
  const bytes = Buffer.byteLength(JSON.stringify({ type: 'contract:event', data }));
  const systems = [
    raw,
    await product({ protocol: 'socketio', postgres: database, shape }),
    await peer('stock', data, shape),
    await peer('ws', data, shape),
    await floor(bytes, false, shape),
    await floor(bytes, true, shape),
  ].filter((system) => system !== null);
  const scale = quick ? 0.1 : 1;
  try {
    const single = await compare({
      scenario: `one event in flight to ${clients.toLocaleString('en')} clients`,
      unit,
      systems,
      repeats,
      one: (system) =>
        efficiency(system, roundsOf.single * scale, { each: 1 }, clients, () => system.everyone(1)),
    });
    const backlog = await compare({
      scenario: 'a backlog of 16 events',
      unit,
      systems,
      repeats,
      one: (system) =>
        efficiency(system, roundsOf.backlog * scale, { each: 16 }, clients * 16, () => system.everyone(16)),
    });
    return {
      measurements: [single, backlog],
      verdicts: [
        ...ratio(single, names.raw, names.stock, 1.8),
        ...ratio(single, names.raw, names.ws, 1.3),
        ...ratio(single, names.raw, names.floor, 0.8),
        ...ratio(single, names.socketio, names.stock, 1.7),
        ...ratio(backlog, names.raw, names.stock, 14),
        ...ratio(backlog, names.socketio, names.stock, 14),
        ...ratio(backlog, names.raw, names.joined, 0.85),
        ...ratio(backlog, names.socketio, names.joined, 0.85),
      ],
    };
  } finally {
    for (const system of systems) await system.stop();
  }
}

async function runRooms({ repeats, quick, postgres }: Context): Promise<Outcome> {
  const rooms = quick ? 500 : 5000;
  const shape = shapeOf(quick ? 200 : 2000, rooms, 4);
  const database = await postgres();
  const raw = await product({ protocol: 'raw', postgres: database, shape });
  const data = await sampleOf(raw);
  const systems: System[] = [
    raw,
    await product({ protocol: 'socketio', postgres: database, shape }),
    await peer('stock', data, shape),
    await peer('ws', data, shape),
  ];
  try {
    const measured = await compare({
      scenario: `${rooms.toLocaleString('en')} rooms of 4, one event each`,
      unit,
      systems,
      repeats,
      one: (system) =>
        efficiency(system, roundsOf.rooms, { each: (rooms * 4) / shape.clients }, rooms * 4, () =>
          system.rooms?.(),
        ),
    });
    return {
      measurements: [measured],
      verdicts: [
        ...ratio(measured, names.raw, names.stock, 3),
        ...ratio(measured, names.socketio, names.stock, 3),
      ],
    };
  } finally {
    for (const system of systems) await system.stop();
  }
}

export const fanout: Part = { name: 'fanout', about: 'one event in flight, and a backlog of 16', run };
export const rooms: Part = { name: 'rooms', about: '5,000 rooms of 4', run: runRooms };
