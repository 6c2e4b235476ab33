/**
 * Brings a connection from "authenticated" to "live in all its rooms", without a hole and without a repeat.
 *
 * The connection is registered under its player first, so that joins and leaves which pass from now on are noted.
 * Then its memberships are read, and then a barrier is waited for: the place in the log by which everything that
 * the read could see has been handed on. Memberships at that place are what was read, with the noted moves on top.
 */
import { closeCodes } from '../errors.js';
import type { Feed } from '../log/feed.js';
import { cursorOf, parseCursor } from '../log/position.js';
import { Outgoing } from '../protocol/outgoing.js';
import type { Connection } from '../transports/connection.js';
import type { Hub } from './hub.js';
import type { Membership, Memberships } from './memberships.js';
import { errorMessage } from '../protocol/error-message.js';
import type { Replay } from './replay.js';
import { playerRoom } from './rooms.js';
import type { RoomDoor } from './router.js';

export interface AdmissionOptions {
  readonly hub: Hub;
  readonly door: RoomDoor;
  readonly feed: Feed;
  readonly memberships: Memberships;
  readonly replay: Replay;
  readonly onResume: (result: 'recovered' | 'failed') => void;
  /** How long to go on trying while the database does not answer, in milliseconds. */
  readonly patienceMs: number;
  readonly onError: (error: unknown) => void;
}

export class Admission {
  constructor(private readonly options: AdmissionOptions) {}

  /**
   * `since`: the cursor to resume from; `lost`: the client had a session that cannot be taken up, and is told.
   * Never throws: a connection that cannot be admitted is closed.
   */
  async admit(connection: Connection, since?: string, lost = false): Promise<void> {
    const { hub, onError } = this.options;
    hub.add(connection);
    try {
      const memberships = await this.read(connection);
      if (memberships === null) return;
      await new Promise<void>((resolve) => {
        this.options.feed.atBarrier(() => {
          // From here to the end of the callback nothing passes: this is one place in the log.
          if (connection.closed) resolve();
          else if (since === undefined) resolve(this.goLive(connection, memberships, lost));
          else resolve(this.resume(connection, memberships, since));
        });
      });
    } catch (error) {
      onError(error);
      connection.wire.close(closeCodes.TRY_AGAIN, 'try again later');
    }
  }

  /** Reads memberships anew for live connections: after a change that the log could not tell. */
  async refresh(connections: Iterable<Connection>): Promise<void> {
    await Promise.all(
      [...connections].map(async (connection) => {
        connection.live = false;
        connection.moves.clear();
        const memberships = await this.read(connection);
        if (memberships === null) return;
        await new Promise<void>((resolve) => {
          this.options.feed.atBarrier(() => {
            if (!connection.closed) this.enter(connection, this.atThisPlace(connection, memberships));
            resolve();
          });
        });
      }),
    );
  }

  private async read(connection: Connection): Promise<readonly Membership[] | null> {
    const deadline = performance.now() + this.options.patienceMs;
    for (;;) {
      try {
        return await this.options.memberships.of(connection.playerId);
      } catch (error) {
        if (connection.closed) return null;
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
      }
      if (connection.closed) return null;
    }
  }

  /** The rooms at this place in the log: what was read, with the moves that passed on top. */
  private atThisPlace(connection: Connection, memberships: readonly Membership[]): Set<string> {
    const rooms = new Set(memberships.map(({ room }) => room));
    for (const [room, effect] of connection.moves) {
      if (effect === 'join') rooms.add(room);
      else rooms.delete(room);
    }
    connection.moves.clear();
    return rooms;
  }

  private enter(connection: Connection, rooms: Iterable<string>): void {
    const { door, hub } = this.options;
    door.enter(connection, playerRoom(connection.playerId));
    for (const room of rooms) {
      connection.memberships.add(room);
      door.enter(connection, room);
    }
    connection.live = true;
    hub.everyone.add(connection);
  }

  private goLive(connection: Connection, memberships: readonly Membership[], lost: boolean): void {
    const { feed } = this.options;
    const rooms = this.atThisPlace(connection, memberships);
    this.greet(connection, memberships, rooms, cursorOf(feed.epoch, feed.position), false);
    if (lost) {
      this.options.onResume('failed');
      connection.send(errorMessage('RESUME_FAILED'));
    }
    this.enter(connection, rooms);
  }

  private async resume(
    connection: Connection,
    memberships: readonly Membership[],
    since: string,
  ): Promise<void> {
    const { feed, replay, onResume } = this.options;
    const rooms = this.atThisPlace(connection, memberships);
    const position = parseCursor(since);
    const possible =
      position !== null &&
      position.epoch === feed.epoch &&
      position.seq <= feed.position &&
      (await replay.possible(position.seq));
    if (connection.closed) return;
    if (!possible) {
      onResume('failed');
      // Moves may have passed while it was found out: they are on top again.
      const now = new Set(rooms);
      for (const [room, effect] of connection.moves) {
        if (effect === 'join') now.add(room);
        else now.delete(room);
      }
      connection.moves.clear();
      this.greet(connection, memberships, now, cursorOf(feed.epoch, feed.position), false);
      connection.send(errorMessage('RESUME_FAILED'));
      this.enter(connection, now);
      return;
    }
    onResume('recovered');
    this.greet(connection, memberships, rooms, since, true);
    const ended = await replay.run(connection, position.seq, rooms, (at) => this.enter(connection, at));
    if (ended === 'pruned' && !connection.closed) {
      // What it was about to read is no longer kept: told, and live with what is read now.
      onResume('failed');
      connection.send(errorMessage('RESUME_FAILED'));
      await this.refresh([connection]);
    }
  }

  private greet(
    connection: Connection,
    known: readonly Membership[],
    rooms: ReadonlySet<string>,
    cursor: string,
    recovered: boolean,
  ): void {
    const lobbies = known.flatMap(({ room, lobby }) => (lobby && rooms.has(room) ? [lobby] : []));
    const data = {
      playerId: connection.playerId,
      connectionId: connection.id,
      lobbies,
      cursor,
      recovered,
      timestamp: new Date().toISOString(),
    };
    connection.send(new Outgoing('connected', JSON.stringify(data)));
  }
}
