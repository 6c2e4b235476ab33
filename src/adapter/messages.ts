/** What adapters tell each other, through the log or by notification. */
import {
  MessageType,
  type BroadcastOptions,
  type ClusterMessage,
  type ClusterResponse,
} from 'socket.io-adapter';
import { everyoneRoom } from '../log/entry.js';

/** Who a message is for: the options of a broadcast in a form that JSON keeps. */
export interface Target {
  readonly rooms: readonly string[];
  readonly except: readonly string[];
  readonly flags: NonNullable<BroadcastOptions['flags']>;
}

export interface Packet {
  readonly type: number;
  readonly data: unknown[];
  readonly nsp?: string;
  /** Of the acknowledgement that is asked for. */
  readonly id?: number;
}

/** What goes through the log, in one order on every instance. */
export type Ordered = { readonly nsp: string; readonly target: Target } & (
  | { readonly type: MessageType.BROADCAST; readonly packet: Packet }
  | { readonly type: MessageType.SOCKETS_JOIN | MessageType.SOCKETS_LEAVE; readonly rooms: readonly string[] }
  | { readonly type: MessageType.DISCONNECT_SOCKETS; readonly close: boolean }
);

/** `type` of the adapter's entries in the log: no event of any catalogue. */
export const entryType = 'realtime.adapter';

export const defaultPrefix = 'socket.io';

/** `data` of an entry of the log. */
export interface OrderedEntry {
  /** The process it comes from. */
  readonly origin: string;
  /** The `channelPrefix` of its servers: those with another one on the same database are no concern of theirs. */
  readonly prefix?: string;
  /** Counts what the origin has sent. Once more, and it is the same: its first insert had arrived after all. */
  readonly n: number;
  readonly message: Ordered;
}

/** What goes by notification. `k` keeps two alike of one transaction apart: Postgres would send one. */
export type Notice = { readonly from: string; readonly k: number } & (
  | { readonly is: 'alive' }
  | { readonly is: 'gone' }
  /** `at`: how far in the log the sender was; `to`: the adapter that is meant, if it is only one. */
  | {
      readonly is: 'cluster';
      readonly at: number;
      readonly to?: string;
      readonly message: ClusterMessage | ClusterResponse;
    }
  /** The process is to end the socket and store its session, for its client is here now. */
  | { readonly is: 'take'; readonly to: string; readonly nsp: string; readonly sid: string }
  | { readonly is: 'taken'; readonly to: string; readonly nsp: string; readonly sid: string }
);

/** Whether servers with this prefix are meant. */
export const isFor = (entry: OrderedEntry, prefix: string): boolean =>
  (entry.prefix ?? defaultPrefix) === prefix;

type DistributiveOmit<T, K extends string> = T extends unknown ? Omit<T, K> : never;
export type NoticeBody = DistributiveOmit<Notice, 'from' | 'k'>;

export const targetOf = (options: BroadcastOptions): Target => ({
  rooms: [...options.rooms],
  except: [...(options.except ?? [])],
  flags: options.flags ?? {},
});

/** The same as the stock messages have it. */
export const wireOptionsOf = (options: BroadcastOptions) => {
  const { rooms, except, flags } = targetOf(options);
  return { rooms: [...rooms], except: [...except], flags };
};

export const optionsOf = (target: Target): BroadcastOptions => ({
  rooms: new Set(target.rooms),
  except: new Set(target.except),
  flags: target.flags ?? {},
});

/** Whether a socket in these rooms is meant. */
export function reaches(target: Target, rooms: Pick<ReadonlySet<string>, 'has'>): boolean {
  if (target.except.some((room) => rooms.has(room))) return false;
  return target.rooms.length === 0 || target.rooms.some((room) => rooms.has(room));
}

/**
 * The room in the log's own terms, by which somebody who comes back finds what may be for him: `*` for everyone, and for
 * more than one room. Null for what no client is sent, or is in another namespace than the default.
 */
export function logRoomOf(message: Ordered): string | null {
  if (message.type !== MessageType.BROADCAST || message.nsp !== '/') return null;
  const [room = everyoneRoom, ...others] = message.target.rooms;
  return others.length > 0 ? everyoneRoom : room;
}

/** A message of the stock protocol, if it is one that would go through the log. */
export function orderedOf(message: ClusterMessage): Ordered | undefined {
  const { nsp } = message;
  if (message.type === MessageType.BROADCAST) {
    const { opts, packet } = message.data;
    return { nsp, type: message.type, target: opts, packet: packet as Packet };
  }
  if (message.type === MessageType.SOCKETS_JOIN || message.type === MessageType.SOCKETS_LEAVE) {
    const { opts, rooms } = message.data;
    return { nsp, type: message.type, target: opts, rooms };
  }
  if (message.type === MessageType.DISCONNECT_SOCKETS) {
    const { opts, close } = message.data;
    return { nsp, type: message.type, target: opts, close: close === true };
  }
  return undefined;
}

/** A broadcast that may be lost: nobody waits for an answer to it. */
export const isVolatile = (message: ClusterMessage): boolean =>
  message.type === MessageType.BROADCAST && message.data.requestId === undefined;

export { MessageType };
