/**
 * Brings a connection from "authenticated" to "live in all its rooms", without a hole and without a repeat.
 *
 * The connection is registered under its player first, so that joins and leaves which pass from now on are noted.
 * Then its memberships are read, and then a barrier is waited for: the place in the log by which everything that
 * the read could see has been handed on. Memberships at that place are what was read, with the noted moves on top.
 */
import { closeCodes } from '../errors.js';
import type { Feed } from '../log/feed.js';
import { parseCursor } from '../log/position.js';
import { Outgoing } from '../protocol/outgoing.js';
import type { Connection } from '../transports/connection.js';
import { none } from '../transports/spare.js';
import type { Hub } from './hub.js';
import type { Membership, Memberships } from './memberships.js';
import { ErrorMessage, errorMessage } from '../protocol/error-message.js';
import type { Replay } from './replay.js';
import { playerRoom } from './rooms.js';
import type { RoomDoor } from './router.js';
import type { Subscriptions } from './subscriptions.js';

export interface AdmissionOptions {
  readonly hub: Hub;
  readonly door: RoomDoor;
  readonly feed: Feed;
  readonly memberships: Memberships;
  readonly replay: Replay;
  readonly subscriptions: Pick<Subscriptions, 'renew'>;
  readonly onResume: (result: 'recovered' | 'failed') => void;
  /** How long to go on trying while the database does not answer, in milliseconds. */
  readonly patienceMs: number;
  readonly onError: (error: unknown) => void;
}

/** How often memberships are read again because a room was joined meanwhile, which the greeting should name. */
const readings = 5;

export class Admission {
  /** How often memberships have changed in a way the log does not tell. */
  private resets = 0;

  constructor(private readonly options: AdmissionOptions) {}

  /**
   * `since`: the cursor to resume from; `lost`: the client had a session that cannot be taken up, and is told.
   * Never throws: a connection that cannot be admitted is closed.
   */
  async admit(connection: Connection, since?: string, lost = false): Promise<void> {
    this.options.hub.add(connection);
    connection.resumes = since !== undefined;
    await this.orClose(connection, () =>
      this.atPlace(connection, (memberships, rooms) =>
        since === undefined
          ? this.goLive(connection, memberships, rooms, lost)
          : this.resume(connection, memberships, rooms, since),
      ),
    );
  }

  /**
   * Reads memberships anew for these connections, after a change that the log could not tell. Until that is done they
   * get nothing, so they are told to read the state again once nothing is missing any more. Never throws.
   */
  async refresh(connections: Iterable<Connection>): Promise<void> {
    this.resets++;
    await Promise.all(
      [...connections].map((connection) =>
        this.orClose(connection, async () => {
          // Those on their way in see for themselves that what they have read is void.
          if (connection.live) await this.enterAnew(connection);
        }),
      ),
    );
  }

  private async enterAnew(connection: Connection): Promise<void> {
    connection.live = false;
    // Not what is for everyone either: with its place in the log a client would pass what it has not been told yet.
    this.options.hub.everyone.delete(connection);
    connection.moves.clear();
    this.lapse(connection);
    await this.atPlace(connection, (_memberships, rooms) => {
      this.enter(connection, rooms);
      connection.send(new ErrorMessage('RESYNC_REQUIRED', this.options.feed.cursor));
    });
  }

  /** Out of every room. What it had subscribed to it does not know to have ended: that is taken up again. */
  private lapse(connection: Connection): void {
    for (const room of connection.subscriptions) connection.lapsed.add(room);
    for (const room of [...connection.memberships, ...connection.subscriptions]) {
      this.options.door.leave(connection, room);
    }
    connection.leaveAll();
  }

  /** Who cannot be served now is sent away: it comes back, and misses nothing then. */
  private async orClose(connection: Connection, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.options.onError(error);
      connection.wire.close(closeCodes.TRY_AGAIN, 'try again later');
    }
  }

  /** Calls back at one place in the log, with the player's memberships and rooms there; not if it is gone by then. */
  private async atPlace(
    connection: Connection,
    callback: (memberships: readonly Membership[], rooms: ReadonlySet<string>) => void | Promise<void>,
  ): Promise<void> {
    /** By their rooms, of every reading: who comes and goes all the time may be out at the last one, and in by now. */
    const read = new Map<string, Membership>();
    for (let reading = 1; ; reading++) {
      const { resets } = this;
      if (connection.lapsed.size > 0) {
        // Once more, if what they were granted by is void again.
        this.lapse(connection);
        if ((await this.patiently(connection, () => this.options.subscriptions.renew(connection))) === null)
          return;
      }
      const memberships = await this.patiently(connection, () =>
        this.options.memberships.of(connection.playerId),
      );
      if (memberships === null) return;
      const known = new Set(memberships.map(({ room }) => room));
      for (const membership of memberships) read.set(membership.room, membership);
      const done = await new Promise<boolean>((resolve, reject) => {
        this.options.feed.atBarrier(() => {
          if (connection.closed) return resolve(true);
          const rooms = withMoves(known, connection);
          const joined = reading < readings && [...rooms].some((room) => !read.has(room));
          if (joined || this.resets !== resets) return resolve(false);
          connection.settle();
          // Whatever the callback does before its first await, it does at this place: nothing passes meanwhile.
          const again = [...rooms].flatMap((room) => (known.has(room) ? [] : (read.get(room) ?? [])));
          const run = async () => callback([...memberships, ...again], rooms);
          run().then(() => resolve(true), reject);
        });
      });
      if (done) return;
    }
  }

  /** Asks the database until it answers; null when the connection is gone. */
  private async patiently<Answer>(
    connection: Connection,
    ask: () => Promise<Answer>,
  ): Promise<Answer | null> {
    const deadline = performance.now() + this.options.patienceMs;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (connection.closed) return null;
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 400));
      }
      if (connection.closed) return null;
    }
  }

  private enter(connection: Connection, rooms: Iterable<string>): void {
    const { door, feed, hub } = this.options;
    door.enter(connection, playerRoom(connection.playerId));
    for (const room of rooms) {
      connection.addMembership(room);
      door.enter(connection, room);
    }
    hub.enter(connection);
    connection.resumes = false;
    const { held } = connection;
    connection.held = none;
    for (const { message } of held) connection.send(message(feed.cursor));
  }

  private goLive(
    connection: Connection,
    memberships: readonly Membership[],
    rooms: ReadonlySet<string>,
    lost: boolean,
  ): void {
    const { feed } = this.options;
    this.greet(connection, memberships, rooms, feed.cursor, false);
    if (lost) {
      this.options.onResume('failed');
      connection.send(errorMessage('RESUME_FAILED'));
    }
    this.enter(connection, rooms);
  }

  private async resume(
    connection: Connection,
    memberships: readonly Membership[],
    rooms: ReadonlySet<string>,
    since: string,
  ): Promise<void> {
    const { feed, replay, onResume } = this.options;
    const position = parseCursor(since);
    const { generation } = feed;
    const possible =
      position !== null &&
      position.epoch === feed.epoch &&
      position.seq <= feed.position &&
      (await replay.possible(position)) &&
      // Another log since, in which the place means nothing.
      feed.generation === generation;
    if (connection.closed) return;
    if (!possible) {
      // Finding that out took time: it goes live at a place of its own.
      return this.atPlace(connection, (known, now) => this.goLive(connection, known, now, true));
    }
    onResume('recovered');
    this.greet(connection, memberships, rooms, since, true);
    const ended = await replay.run(connection, position.seq, rooms, (at) => this.enter(connection, at));
    if (ended === 'reset') await this.enterAnew(connection);
    if (ended !== 'pruned') return;
    // What it was about to read is no longer kept. Told when it is live, so that what it reads then stays true.
    onResume('failed');
    await this.atPlace(connection, (_memberships, now) => {
      this.enter(connection, now);
      connection.send(errorMessage('RESUME_FAILED'));
    });
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
    // A stock Socket.IO client takes the trailing string for its offset: one that is cut before its first event
    // recovers all the same.
    const offset = connection.wire.transport === 'socketio' ? cursor : undefined;
    connection.send(new Outgoing('connected', JSON.stringify(data), offset));
  }
}

/** What was read, with the moves that passed since on top. */
function withMoves(read: ReadonlySet<string>, { moves }: Connection): Set<string> {
  const rooms = new Set(read);
  for (const [room, effect] of moves) {
    if (effect === 'join') rooms.add(room);
    else rooms.delete(room);
  }
  return rooms;
}
