/** Plain Socket.IO servers on one database, with our adapter or the stock one, and stock clients. */
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter as createStockAdapter } from '@socket.io/postgres-adapter';
import pg from 'pg';
import { Server, type ServerOptions } from 'socket.io';
import { Manager, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { expect, vi } from 'vitest';
import type { LogAdapter } from '../../src/adapter/adapter.js';
import { within } from '../../src/adapter/within.js';
import { createAdapter, type AdapterFactory, type AdapterOptions } from '../../src/adapter/index.js';

export interface Node {
  readonly io: Server;
  readonly url: string;
  readonly pool: pg.Pool;
  readonly adapter: AdapterFactory | undefined;
  /** What the adapter's `errorHandler` has heard. */
  readonly errors: Error[];
  stop(): Promise<void>;
}

export interface NodeOptions {
  readonly stock?: boolean;
  readonly adapter?: AdapterOptions;
  readonly server?: Partial<ServerOptions>;
  /** Clients in the pool at most; 5 unless given. */
  readonly poolSize?: number;
  /** Guards the pool's clients as a careful application does. */
  readonly guarded?: boolean;
}

export async function startNode(databaseUrl: string, options: NodeOptions = {}): Promise<Node> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: options.poolSize ?? 5 });
  if (options.guarded ?? true) {
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
  }
  const errors: Error[] = [];
  const settings = { errorHandler: (error: Error) => void errors.push(error), ...options.adapter };
  const adapter = options.stock ? undefined : createAdapter(pool, settings);
  const http: HttpServer = createServer();
  const io = new Server(http, {
    transports: ['websocket', 'polling'],
    adapter: adapter ?? createStockAdapter(pool, settings),
    ...options.server,
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  let stopped: Promise<void> | undefined;
  const node: Node = {
    io,
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    pool,
    adapter,
    errors,
    stop: () =>
      (stopped ??= (async () => {
        await io.close();
        // A pool whose clients have leaked never ends.
        await within(1000, pool.end());
      })()),
  };
  try {
    await adapter?.ready();
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

/** Nodes that know each other. */
export async function startNodes(
  databaseUrl: string,
  count: number,
  options: NodeOptions = {},
): Promise<Node[]> {
  const nodes = [];
  for (let index = 0; index < count; index++) nodes.push(await startNode(databaseUrl, options));
  for (const { io } of nodes) await knows(io, count);
  return nodes;
}

export async function knows(io: Server, count: number, namespace = '/'): Promise<void> {
  await vi.waitFor(async () => expect(await io.of(namespace).adapter.serverCount()).toBe(count), {
    timeout: 15_000,
    interval: 20,
  });
}

/** What the adapters of a node share: for faults that no socket and no query can bring about. */
export const processOf = (node: Node) => (node.io.of('/').adapter as unknown as LogAdapter).process;

/** A stock client with all it has received. */
export interface Client {
  readonly socket: Socket;
  /** `[event, ...args]` in the order they came; the offset of recovery is cut off. */
  readonly received: unknown[][];
  /** Resolves with everything received when an event of this name has come. */
  until(event: string): Promise<unknown[][]>;
}

/** Connected, to a namespace of any name. */
export async function joinAs(
  url: string,
  options: Partial<ManagerOptions & SocketOptions> = {},
  namespace = '/',
): Promise<Client> {
  const manager = new Manager(url, { transports: ['websocket'], reconnectionDelay: 20, ...options });
  const client = watch(manager.socket(namespace));
  await connectionOf(client.socket);
  return client;
}

/** Resolves when it connects; rejects when it is refused, or does not get there: nobody waits for ever. */
export async function connectionOf(socket: Socket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
}

export function watch(socket: Socket): Client {
  const received: unknown[][] = [];
  const waiters: { event: string; resolve: () => void }[] = [];
  socket.onAny((event: string, ...args: unknown[]) => {
    const last = args.at(-1);
    const offset = typeof last === 'string' && /^[0-9a-f]{12}-[0-9a-z]+(\.[0-9]+)?$/.test(last);
    received.push([event, ...(offset ? args.slice(0, -1) : args)]);
    for (const waiter of waiters) if (waiter.event === event) waiter.resolve();
  });
  return {
    socket,
    received,
    until: async (event) => {
      if (!received.some(([name]) => name === event)) {
        await new Promise<void>((resolve) => waiters.push({ event, resolve }));
      }
      return received;
    },
  };
}

/** Closes a client's transport, and waits until the client itself knows: connecting before does nothing. */
export async function lose(socket: Socket): Promise<void> {
  const lost = new Promise((resolve) => socket.once('disconnect', resolve));
  socket.io.engine.close();
  await lost;
}

/** The server's side of a client. */
export function serverSide(nodes: readonly Node[], client: Client, namespace = '/') {
  for (const { io } of nodes) {
    const socket = io.of(namespace).sockets.get(client.socket.id ?? '');
    if (socket) return socket;
  }
  throw new Error('no node has this client');
}

/** Without what a marker and the events of other tests add. */
export const named = (received: unknown[][], event: string): unknown[][] =>
  received.filter(([name]) => name === event).map(([, ...args]) => args);
