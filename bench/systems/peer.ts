/** A peer in Node, told by messages to send what the product would send. */
import { once } from 'node:events';
import { Load } from '../load/group.js';
import { serverCore, startNode } from '../support/processes.js';
import type { Shape } from './shape.js';
import { names, type System } from './system.js';

export interface Peer extends System {
  readonly port: number;
}

export type PeerKind = 'stock' | 'ws';

/** @param data of an event as the product sends it, parsed */
export async function peer(kind: PeerKind, data: object, shape: Shape): Promise<Peer> {
  const child = startNode(serverCore, ['--import', 'tsx', `bench/peers/${kind}.ts`], {
    BENCH_SHAPE: JSON.stringify([shape.clients, shape.rooms.length, shape.rooms[0]?.length ?? 0]),
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const load = new Load(kind === 'stock');
  const tokens = Array.from({ length: shape.clients }, () => 'none');
  await load.connect(port, kind === 'stock' ? 'socketio' : 'raw', tokens);
  const send = (message: object) =>
    new Promise<void>((resolve) => {
      const now = { ...data, timestamp: new Date().toISOString() };
      child.send({ data: now, ...message }, () => resolve());
    });
  return {
    name: names[kind],
    pid: child.pid ?? 0,
    port,
    load,
    everyone: (times) => send({ times }),
    rooms: () => send({ times: 1, rooms: shape.rooms.map((_, room) => `room-${room}`) }),
    async stop() {
      await load.stop();
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
}
