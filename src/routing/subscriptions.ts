/** Explicit subscriptions: asked of the database, and true at the place in the log where they begin. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '../errors.js';
import type { Feed } from '../log/feed.js';
import type { Connection } from '../transports/connection.js';
import type { Memberships, Subscribable } from './memberships.js';
import { lobbyOf } from './rooms.js';
import type { RoomDoor } from './router.js';

export interface SubscriptionsOptions {
  readonly feed: Feed;
  readonly door: RoomDoor;
  /** The rooms it is in, for whatever reason. */
  readonly roomsOf: (connection: Connection) => Iterable<string>;
  readonly memberships: Memberships;
  /** Writes what is due to connections by now. */
  readonly flush: () => void;
  readonly maxSubscriptions: number;
  /** The last word on who may subscribe, where the program that embeds the server wants it. */
  readonly canSubscribe?: CanSubscribe | undefined;
}

/** A request to subscribe to a lobby that exists; `allowed` is what the database's rules say. */
export interface SubscribeRequest {
  readonly playerId: string;
  readonly lobbyId: string;
  readonly lobbyCode: string;
  readonly allowed: boolean;
}

/** Says whether a player may subscribe to a lobby. Throwing refuses with `INTERNAL_ERROR`. */
export type CanSubscribe = (request: SubscribeRequest) => boolean | Promise<boolean>;

/** A right that is read, or has been and is not used yet: it is stale once the room's rights have changed in the log. */
interface Pending {
  readonly playerId: string;
  /** Which it is about is known when it has been read. */
  readonly changed: Set<string>;
  allChanged: boolean;
}

/**
 * A refusal takes as long as this at least, in milliseconds: to look for a lobby that is there takes some hundredths of one longer
 * than for one that is not, which whoever asks often enough would find out.
 */
const refusalMs = 3;

/** How often a right is read again because it changed while it was read. */
const attempts = 5;

export class Subscriptions {
  private readonly pending = new Set<Pending>();

  constructor(private readonly options: SubscriptionsOptions) {}

  /** Called by the router when somebody, or this member alone, may have lost the right to a room; null: to any room. */
  roomChanged(room: string | null, member?: string): void {
    for (const pending of this.pending) {
      if (member !== undefined && pending.playerId !== member) continue;
      if (room === null) pending.allChanged = true;
      else pending.changed.add(room);
    }
  }

  /** Returns why not, or null when the connection is in the room. */
  async subscribe(connection: Connection, lobby: string): Promise<ErrorCode | null> {
    // Begun before anything is known, or what is left of it would tell.
    const refusal = sleep(refusalMs);
    const outcome = await this.decide(connection, lobby);
    if (outcome === 'SUBSCRIBE_DENIED') await refusal;
    return outcome;
  }

  private async decide(connection: Connection, lobby: string): Promise<ErrorCode | null> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      // From before it is read: a change may be handed out before the answer is here.
      const pending: Pending = { playerId: connection.playerId, changed: new Set(), allChanged: false };
      this.pending.add(pending);
      try {
        const outcome = await this.attempt(connection, lobby, pending);
        if (outcome !== 'stale') return outcome;
      } finally {
        this.pending.delete(pending);
      }
    }
    return 'SUBSCRIBE_DENIED';
  }

  private async attempt(
    connection: Connection,
    lobby: string,
    pending: Pending,
  ): Promise<ErrorCode | null | 'stale'> {
    const { memberships, maxSubscriptions } = this.options;
    const found = await memberships.subscribable(connection.playerId, lobby);
    if (connection.closed) return null;
    if (!found || !(await this.allows(connection.playerId, found))) return 'SUBSCRIBE_DENIED';
    if (connection.closed) return null;
    if (!connection.subscriptions.has(found.room) && connection.subscriptions.size >= maxSubscriptions) {
      return 'TOO_MANY_SUBSCRIPTIONS';
    }
    return (await this.enter(connection, found, pending)) ? null : 'stale';
  }

  private async allows(playerId: string, found: Subscribable): Promise<boolean> {
    const { lobbyId, lobbyCode, allowed } = found;
    return (await this.options.canSubscribe?.({ playerId, lobbyId, lobbyCode, allowed })) ?? allowed;
  }

  /** Into the rooms of subscriptions that have lapsed, as far as the connection may. Throws what the database does. */
  async renew(connection: Connection): Promise<void> {
    const { door } = this.options;
    await Promise.all(
      [...connection.lapsed].map(async (room) => {
        await this.subscribe(connection, lobbyOf(room));
        // Unsubscribed from meanwhile.
        if (!connection.lapsed.has(room) && connection.unsubscribe(room)) door.leave(connection, room);
      }),
    );
  }

  async unsubscribe(connection: Connection, lobby: string): Promise<void> {
    const rooms = [...this.options.roomsOf(connection), ...connection.lapsed];
    const room = await this.options.memberships.roomAmong(rooms, lobby);
    if (room === null || connection.closed) return;
    // While a backlog is gathered, what came before goes before the answer: nothing of the room follows that.
    this.options.flush();
    connection.lapsed.delete(room);
    connection.unsubscribe(room);
    this.options.door.leave(connection, room);
  }

  /** Into the room at the place in the log that the right was read at; false if the right changed on the way. */
  private enter(
    connection: Connection,
    { room, participant }: Subscribable,
    pending: Pending,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      this.options.feed.atBarrier(() => {
        if (pending.allChanged || pending.changed.has(room)) return resolve(false);
        if (!connection.closed) {
          connection.subscribe(room);
          if (participant) connection.addMembership(room);
          this.options.door.enter(connection, room);
        }
        resolve(true);
      });
    });
  }
}
