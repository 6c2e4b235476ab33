/**
 * A connection that has been let in, as small as it can be: it stays for hours, and what it was made with has room for more than
 * it is ever going to need. All of this is internal to Node, ws and Socket.IO: what is not as it has been is left as it is.
 */
import { EventEmitter } from 'node:events';
import { Socket as NetSocket } from 'node:net';
import type { Socket } from 'socket.io';
import { shrinkListeners } from './listeners.js';
import { SmallMap } from './small-map.js';

type Inside = Record<string | symbol, unknown>;

const maps = [['client', 'sockets'], ['client', 'nsps'], ['acks']] as const;
const lists = [['fns'], ['conn', 'cleanupFn'], ['client', 'decoder', '_callbacks', '$decoded']] as const;

/** Changes a property within a socket, if there is one. */
function change(socket: Socket, path: readonly string[], to: (value: unknown) => unknown): void {
  let holder: unknown = socket;
  for (const name of path.slice(0, -1)) holder = (holder as Inside | undefined)?.[name];
  const name = path.at(-1) ?? '';
  if (typeof holder !== 'object' || holder === null || !(name in holder)) return;
  (holder as Inside)[name] = to((holder as Inside)[name]);
}

export function shrink(socket: Socket): void {
  for (const path of maps) {
    change(socket, path, (map) =>
      map instanceof Map && map.size <= 1 ? new SmallMap(map as Map<unknown, unknown>) : map,
    );
  }
  // A list that has got its first entry by `push` has room for seventeen.
  for (const path of lists)
    change(socket, path, (list) => (Array.isArray(list) ? (list.slice() as unknown[]) : list));
  shrinkListeners(socket);
  const { conn } = socket;
  shrinkTransport.call(conn);
  // A client that begins with polling changes over to a WebSocket.
  if (conn.transport.name === 'polling') conn.on('upgrade', shrinkTransport);
}

/** Of a connection of engine.io's, or a raw one; listens as it is. */
function shrinkTransport(this: Socket['conn']): void {
  const { transport, ws: raw } = this as unknown as { transport: Inside; ws?: unknown };
  const ws = raw ?? transport['socket'];
  const tcp = (ws as { _socket?: unknown } | undefined)?._socket;
  for (const emitter of [this, transport, ws, tcp]) {
    if (emitter instanceof EventEmitter) shrinkListeners(emitter as EventEmitter);
  }
  if (tcp instanceof NetSocket) dropTimer(tcp);
}

let timer: symbol | undefined;

/** The HTTP server's time limit: a WebSocket has none, and Node keeps the timer that was stopped. */
function dropTimer(socket: NetSocket): void {
  timer ??= Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'timeout');
  if (timer === undefined || socket.timeout !== 0) return;
  const inside = socket as unknown as Inside;
  const stopped = inside[timer] as { _destroyed?: unknown } | null | undefined;
  if (stopped?._destroyed === true) inside[timer] = null;
}
