/** How many connections a player may have, and which transports have one: in this process, and among all workers of the port. */
import { ProtocolError } from '../errors.js';
import type { SharedPlaces } from '../workers/places.js';

/** An engine.io connection, or a raw one in its shape. */
export interface Transport {
  readonly readyState: string;
  close(): void;
  on(event: 'close', callback: () => void): unknown;
  off(event: 'close', callback: () => void): unknown;
  listeners(event: 'close'): unknown[];
}

export interface PlayerPlacesOptions {
  readonly maxConnectionsPerPlayer: number;
  /** Where the connections of all workers of this port are counted; absent: there is this process alone. */
  readonly places?: SharedPlaces | undefined;
}

/** For whom a place is taken. */
export interface Taker {
  readonly playerId: string;
  /** The Socket.IO session it has, or takes up. */
  readonly session: string;
  /** Whether it takes up a session: whoever has that leaves it the place. */
  readonly takesUp: boolean;
  /** Whether who has the session is here, and has not noticed its end yet. */
  readonly isHere: boolean;
}

export class PlayerPlaces {
  /** Connections of each player, counted from the moment the token is good: twenty at once find one place once. */
  private readonly byPlayer = new Map<string, number>();
  /** Transports with a socket, or with one that is being authenticated: one is all they get. Whose place it has, once it has one. */
  private readonly occupied = new WeakMap<object, string | null>();
  /** Of those that are counted among all workers: how to give that up. */
  private readonly elsewhere = new WeakMap<object, () => void>();
  /** The same function listens to all of them. */
  private readonly onClose: (this: Transport) => void;

  constructor(private readonly options: PlayerPlacesOptions) {
    const leave = (conn: Transport) => this.leave(conn);
    this.onClose = function () {
      leave(this);
    };
  }

  /** Whether it has a socket, or one that is being authenticated. */
  has(conn: Transport): boolean {
    return this.occupied.has(conn);
  }

  /** Its socket is being authenticated. Returns whether it had none yet. */
  begin(conn: Transport): boolean {
    if (this.occupied.has(conn)) return false;
    this.occupied.set(conn, null);
    return true;
  }

  /** Takes a place among the player's, which ends with the transport or by `leave`; throws if there is none. */
  async take(conn: Transport, taker: Taker): Promise<void> {
    this.takeOwn(conn, taker);
    const { playerId, session, takesUp } = taker;
    const { places, maxConnectionsPerPlayer: most } = this.options;
    const taken = await places?.take(
      { places: [{ name: `player ${playerId}`, most }], session, takesUp: takesUp ? session : undefined },
      // Wherever its session goes on: the connection here has not noticed that its client is gone.
      () => conn.close(),
    );
    if (!taken) return;
    if ('full' in taken) throw new ProtocolError('TOO_MANY_CONNECTIONS');
    if (conn.readyState !== 'open') {
      taken.leave();
      throw new ProtocolError('AUTH_ERROR');
    }
    this.elsewhere.set(conn, taken.leave);
  }

  private takeOwn(conn: Transport, { playerId, isHere }: Taker): void {
    const taken = this.byPlayer.get(playerId) ?? 0;
    // Whoever takes up a session that has not noticed its end yet takes its place as well.
    const ends = isHere ? 1 : 0;
    if (taken - ends >= this.options.maxConnectionsPerPlayer) throw new ProtocolError('TOO_MANY_CONNECTIONS');
    this.byPlayer.set(playerId, taken + 1);
    this.occupied.set(conn, playerId);
    // A client may leave the namespace, and come again on the same connection.
    if (!conn.listeners('close').includes(this.onClose)) conn.on('close', this.onClose);
  }

  /** It has no socket any more. */
  leave(conn: Transport): void {
    const playerId = this.occupied.get(conn);
    this.occupied.delete(conn);
    if (typeof playerId !== 'string') return;
    const left = (this.byPlayer.get(playerId) ?? 1) - 1;
    if (left === 0) this.byPlayer.delete(playerId);
    else this.byPlayer.set(playerId, left);
    this.elsewhere.get(conn)?.();
    this.elsewhere.delete(conn);
  }
}
