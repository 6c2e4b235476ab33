/** What an idle connection adds to the server's memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Load } from '../load/group.js';
import { names, type System } from '../systems/system.js';
import { peer } from '../systems/peer.js';
import { product } from '../systems/product.js';
import { shapeOf } from '../systems/shape.js';
import { bound, compare, medianOf } from '../support/compare.js';
import type { Context, Outcome, Part } from '../support/part.js';
import { pssKib } from '../support/processes.js';

/** Enough for V8 to notice that nothing happens and to collect what the handshakes have left, in milliseconds. */
const settleMs = 15_000;

interface Kind {
  readonly name: string;
  /** The system with so many clients, and how to connect more. */
  readonly start: (clients: number) => Promise<{ system: System; more: (clients: number) => Promise<Load> }>;
}

async function run({ quick, repeats, postgres }: Context): Promise<Outcome> {
  const before = quick ? 100 : 1000;
  const added = quick ? 400 : 5000;
  const database = await postgres();
  const ours = (protocol: 'raw' | 'socketio'): Kind => ({
    name: names[protocol],
    async start(clients) {
      const system = await product({ protocol, postgres: database, shape: shapeOf(clients, 0, 0) });
      const more = async (count: number) => {
        const load = new Load(false);
        const players = Array.from({ length: count }, (_, n) => `idle-${n}`);
        await load.connect(system.instance.port, protocol, await system.instance.tokens(players));
        return load;
      };
      return { system, more };
    },
  });
  const theirs = (kind: 'stock' | 'ws'): Kind => ({
    name: names[kind],
    async start(clients) {
      const system = await peer(kind, {}, shapeOf(clients, 0, 0));
      const more = async (count: number) => {
        const load = new Load(kind === 'stock');
        await load.connect(
          system.port,
          kind === 'stock' ? 'socketio' : 'raw',
          Array.from({ length: count }, () => 'none'),
        );
        return load;
      };
      return { system, more };
    },
  });
  const measured = await compare<Kind>({
    scenario: `an idle connection, of ${added.toLocaleString('en')}`,
    unit: 'KiB of the process’s PSS',
    better: 'less',
    systems: [ours('raw'), ours('socketio'), theirs('stock'), theirs('ws')],
    // It hardly varies, and takes long.
    repeats: Math.min(repeats, 2),
    warmUp: false,
    async one({ start }) {
      const { system, more } = await start(before);
      const settle = () => sleep(quick ? 1000 : settleMs);
      await settle();
      const at = pssKib(system.pid);
      const load = await more(added);
      await settle();
      const growth = pssKib(system.pid) - at;
      await load.stop();
      await system.stop();
      return growth / added;
    },
  });
  return {
    measurements: [measured],
    verdicts: [
      bound('idle raw connection', medianOf(measured, names.raw), { atMost: 8 }, 'KiB'),
      bound('idle Socket.IO connection', medianOf(measured, names.socketio), { atMost: 12 }, 'KiB'),
    ],
  };
}

export const idle: Part = { name: 'idle', about: 'memory of an idle connection', run };
