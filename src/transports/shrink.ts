/**
 * A connection that has been let in, as small as it can be: it stays for hours, and what it was made with has room for more than
 * it is ever going to need. All of this is internal to Node, ws and Socket.IO: what is not as it has been is left as it is.
 */
import { EventEmitter } from 'node:events';
import { Socket as NetSocket } from 'node:net';
import type { Socket } from 'socket.io';
import { shrinkListeners } from './listeners.js';
import { SmallMap } from './small-map.js';
import { isNothing, none, shared, spare } from './spare.js';

type Inside = Record<string | symbol, unknown>;

const maps = [['client', 'sockets'], ['client', 'nsps'], ['acks']] as const;
const lists = [['fns'], ['conn', 'cleanupFn'], ['client', 'decoder', '_callbacks', '$decoded']] as const;

const objects = [['flags'], ['handshake', 'auth'], ['handshake', 'query']] as const;
const texts = [
  ['handshake', 'time'],
  ['handshake', 'address'],
  ['request', 'httpVersion'],
] as const;
/** The same object in all three, which nobody changes once the connection is open. */
const extensions = [['_extensions'], ['_receiver', '_extensions'], ['_sender', '_extensions']] as const;
/** What clients of one kind send alike; never what is a secret. */
const headers = [
  ...['accept-encoding', 'accept-language', 'cache-control', 'connection', 'host', 'origin', 'pragma'],
  ...['sec-websocket-extensions', 'sec-websocket-version', 'upgrade', 'user-agent'],
] as const;

/** Changes a property within something, if there is one. */
function change(whole: unknown, path: readonly string[], to: (value: unknown) => unknown): void {
  let holder: unknown = whole;
  for (const name of path.slice(0, -1)) holder = (holder as Inside | undefined)?.[name];
  const name = path.at(-1) ?? '';
  if (typeof holder !== 'object' || holder === null || !(name in holder)) return;
  (holder as Inside)[name] = to((holder as Inside)[name]);
}

const noExtensions = Object.freeze({});
const noneOfThem = (value: unknown): unknown => (isNothing(value) ? noExtensions : value);
const noEntries = (list: unknown): unknown => (Array.isArray(list) && list.length === 0 ? none : list);
const sharedText = (value: unknown): unknown => (typeof value === 'string' ? shared(value) : value);

export function shrink(socket: Socket): void {
  for (const path of maps) {
    change(socket, path, (map) =>
      map instanceof Map && map.size <= 1 ? new SmallMap(map as Map<unknown, unknown>) : map,
    );
  }
  // A list that has got its first entry by `push` has room for seventeen.
  for (const path of lists)
    change(socket, path, (list) => (Array.isArray(list) ? (list.slice() as unknown[]) : list));
  for (const path of objects) change(socket, path, spare);
  for (const path of texts) change(socket, path, sharedText);
  change(socket, ['request', 'rawTrailers'], noEntries);
  for (const name of headers) change(socket.handshake.headers, [name], sharedText);
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
  for (const path of extensions) change(ws, path, noneOfThem);
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
