/**
 * The Socket.IO adapter of this server: stock rooms and requests between instances, with three differences. The
 * hub hears of every join and leave; local sockets get a broadcast at once, whatever the database does; and
 * connection state recovery goes by the log.
 */
import { createHmac } from 'node:crypto';
import { createAdapter as createPostgresAdapter } from '@socket.io/postgres-adapter';
import type { Pool, PoolClient } from 'pg';
import type { Namespace } from 'socket.io';
import { Adapter, MessageType, type BroadcastOptions, type ClusterAdapter } from 'socket.io-adapter';
import type { Hub } from '../routing/hub.js';
import type { Connection } from './connection.js';
import { newSessionId } from './session-id.js';

export interface HubAdapterOptions {
  readonly pool: Pool;
  readonly hub: Hub;
  readonly connectionOf: (socketId: string) => Connection | undefined;
  /** The session a client may take up again by its private id and the offset it has seen; null if it may not. */
  readonly restore: (privateId: string, offset: string) => Promise<{ sid: string; pid: string } | null>;
  /** Known to the instances alone; resolves once they know it. */
  readonly secret: () => Promise<string>;
  readonly onError: (error: unknown) => void;
}

/** What the stock adapter calls its channels by. */
const stockPrefix = 'hashi_io';

/**
 * What they are called instead: any role may notify and listen, so that whoever knew the name could read what goes
 * from instance to instance, send events of its own and disconnect clients.
 */
async function secretPrefix(secret: () => Promise<string>): Promise<string> {
  return `${stockPrefix}_${createHmac('sha256', await secret())
    .update(stockPrefix)
    .digest('hex')
    .slice(0, 32)}`;
}

/** Parts of the stock adapter that its types keep to themselves. */
interface Inside {
  readonly uid: string;
  doPublish(message: unknown): Promise<unknown>;
}

/**
 * A pool whose checked-out clients go back when their connection dies: the stock adapter forgets a lost listener,
 * and each one would cost the pool a place for good. The same for one on which LISTEN does not work.
 */
function returningPool(pool: Pool, { secret, onError }: HubAdapterOptions): Pool {
  const connect = async (): Promise<PoolClient> => {
    const prefix = await secretPrefix(secret);
    const client = await pool.connect();
    const query = client.query.bind(client) as (text: string) => Promise<unknown>;
    const listen = (text: string) =>
      query(text.replace(`"${stockPrefix}#`, `"${prefix}#`)).catch((error: unknown) => {
        // It fails in one way alone, by its end: told twice, the stock adapter would connect twice.
        onError(error);
        client.release(true);
        return new Promise(() => undefined);
      });
    Object.assign(client, { query: listen });
    let released = false;
    const release = client.release.bind(client);
    // It listens, and its query is not what the pool hands out: nobody else may get it afterwards.
    client.release = () => {
      if (released) return;
      released = true;
      release(true);
    };
    client.once('end', () => client.release(true));
    return client;
  };
  const query = async (text: string, values?: unknown[]) => {
    const [channel, ...rest] = values ?? [];
    if (!/pg_notify/.test(text) || typeof channel !== 'string') return pool.query(text, values);
    return pool.query(text, [channel.replace(stockPrefix, await secretPrefix(secret)), ...rest]);
  };
  const own: Record<string | symbol, unknown> = { connect, query };
  return new Proxy(pool, { get: (target, key) => (Object.hasOwn(own, key) ? own[key] : bound(target, key)) });
}

function bound(target: Pool, key: string | symbol): unknown {
  const value: unknown = Reflect.get(target, key, target);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}

/** What `new Server({ adapter })` takes. It must be a `function`: Socket.IO calls it with `new`. */
export function hubAdapter(options: HubAdapterOptions): (nsp: Namespace) => ClusterAdapter {
  const { hub, connectionOf, onError } = options;
  const create = createPostgresAdapter(returningPool(options.pool, options), {
    tableName: 'realtime.attachments',
    channelPrefix: stockPrefix,
    errorHandler: onError,
  });
  return function adapter(nsp: Namespace): ClusterAdapter {
    const stock = create(nsp) as unknown as ClusterAdapter;
    if (nsp.name !== '/') return stock;

    stock.on('join-room', (room: string, id: string) => {
      const connection = connectionOf(id);
      if (connection) hub.joined(room, connection);
    });
    stock.on('leave-room', (room: string, id: string) => {
      const connection = connectionOf(id);
      if (connection) hub.left(room, connection);
    });

    stock.broadcast = async (packet: unknown, opts: BroadcastOptions) => {
      Adapter.prototype.broadcast.call(stock, packet, opts);
      if (opts.flags?.local || isOwnSocket(nsp, opts)) return;
      const inside = stock as unknown as Inside;
      const data = {
        packet,
        opts: { rooms: [...opts.rooms], except: [...(opts.except ?? [])], flags: opts.flags },
      };
      await inside
        .doPublish({ uid: inside.uid, nsp: nsp.name, type: MessageType.BROADCAST, data })
        .catch(onError);
    };

    // The log is what a session is restored from; nothing is stored when it ends, so a killed instance loses none.
    stock.persistSession = () => undefined;
    Object.assign(stock, {
      async restoreSession(pid: string, offset: string) {
        const session = await options.restore(pid, offset);
        // What was missed is replayed once the token has been checked, not here. Until then it goes by an id of its own:
        // a socket that is refused is cleaned up by its id, and must not take another one's rooms with it.
        return session && { ...session, sid: newSessionId(), rooms: [], data: {}, missedPackets: [] };
      },
      // The stock one appends an empty offset to every packet, which a client would take for its place in the log.
      addOffsetIfNecessary: () => undefined,
    });
    return stock;
  };
}

/** `socket.emit` comes as a broadcast to the socket's own room: nothing for other instances. */
function isOwnSocket(nsp: Namespace, { rooms }: BroadcastOptions): boolean {
  if (rooms.size !== 1) return false;
  const [room] = rooms;
  return room !== undefined && nsp.sockets.has(room);
}
