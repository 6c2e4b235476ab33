/** What is compared: the product for both kinds of client, and its peers, behind one interface. */
import type { Load } from '../load/group.js';
import type { Protocol } from '../load/messages.js';

export interface System {
  readonly name: string;
  readonly pid: number;
  readonly load: Load;
  /** Makes `times` events for everyone due at once. */
  everyone(times: number): Promise<void>;
  /** Makes one event due in each room. */
  rooms?(): Promise<void>;
  stop(): Promise<void>;
}

/** The names under which they stand in tables. */
export const names = {
  raw: 'hashi-socket, raw',
  socketio: 'hashi-socket, Socket.IO',
  mixed: 'hashi-socket, mixed',
  stock: 'stock Socket.IO',
  ws: 'ws, send() to each',
  floor: 'floor in C, one write an event and socket',
  joined: 'floor in C, one write a socket',
} as const;

export const productName = (protocol: Protocol | 'mixed'): string => names[protocol];
