/** Parts of Socket.IO that an adapter has to reach and that its types keep to themselves, in one place. */
import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions } from 'socket.io-adapter';
import type { Packet } from './messages.js';

/** Fields of the stock cluster adapter. */
export interface AdapterInside {
  uid: string;
  readonly nodesMap: Map<string, number>;
  removeNode(uid: string): void;
  addOffsetIfNecessary(): void;
}

/** Fields of a socket. */
export interface SocketInside {
  pid?: string;
  adapter: unknown;
  packet(packet: Packet, flags?: object): void;
  notifyOutgoingListeners(packet: Packet): void;
}

export const insideOf = (socket: Socket): SocketInside => socket as unknown as SocketInside;

/** `connectionStateRecovery` of the server: for how long sessions can be taken up again, in milliseconds, if at all. */
export function recoveryMs(namespace: Namespace): number | undefined {
  const { opts } = namespace.server as unknown as {
    opts: { connectionStateRecovery?: { maxDisconnectionDuration?: number } };
  };
  if (!opts.connectionStateRecovery) return undefined;
  return opts.connectionStateRecovery.maxDisconnectionDuration ?? 120_000;
}

/** Whether a broadcast is to one socket of this instance, and nobody else. */
export function isOneOf({ sockets }: Namespace, { rooms }: BroadcastOptions): boolean {
  const [room] = rooms;
  return rooms.size === 1 && room !== undefined && sockets.has(room);
}
