/**
 * Sends a connection what it missed: pages from the log, as fast as the client takes them, until the place where
 * the feed is; there, between two entries, the connection goes live.
 *
 * What it may see is decided in stream: membership as it was at the cursor, with joins and leaves applied as they
 * come.
 */
import { everyoneRoom, pageSizeOf, type LogEntry } from '../log/entry.js';
import type { Feed } from '../log/feed.js';
import type { History } from '../log/history.js';
import type { Position } from '../log/position.js';
import { ErrorMessage } from '../protocol/error-message.js';
import type { Connection } from '../transports/connection.js';
import type { Emit, Emits } from './emits.js';
import type { Memberships } from './memberships.js';
import type { EntryMessages } from './messages.js';
import { playerRoom } from './rooms.js';
import { Batch } from './batch.js';

export interface ReplayOptions {
  readonly feed: Feed;
  readonly history: History;
  readonly memberships: Memberships;
  readonly messages: EntryMessages;
  readonly emits: Emits;
  /** The client is waited for when it has not taken this many bytes. */
  readonly unsentBytes: number;
}

/** What a page aims at, in bytes: it bounds memory whatever the size of the events. */
const pageBytes = 512 << 10;
const firstPage = 50;
const largestPage = 2000;
/** Entries taken from memory in one go. */
const largestRest = 500;

export class Replay {
  constructor(private readonly options: ReplayOptions) {}

  possible({ seq, mark }: Position): Promise<boolean> {
    return this.options.history.holds(seq, mark);
  }

  /**
   * Replays what follows `seq` and calls `goLive` with the rooms at the place it has reached, synchronously between
   * two entries of the feed. `roomsNow`: the player's rooms as of now. Returns how it ended; `reset`: at a place where
   * memberships changed in a way the log does not tell.
   */
  async run(
    connection: Connection,
    seq: number,
    roomsNow: ReadonlySet<string>,
    goLive: (rooms: ReadonlySet<string>) => void,
  ): Promise<'live' | 'pruned' | 'reset' | 'closed'> {
    const { feed, history } = this.options;
    const { generation, epoch } = feed;
    const rooms = await this.roomsAt(connection.playerId, seq, roomsNow);
    // A recovered Socket.IO client has the id again that it had then.
    const own = [playerRoom(connection.playerId), connection.id];
    const isFor = this.options.emits.follow({ has: (room) => rooms.has(room) || own.includes(room) });
    let at = seq;
    let most = firstPage;
    for (;;) {
      if (connection.closed) return 'closed';
      if (feed.generation !== generation) return 'pruned';
      if (at >= feed.recent.start || at >= feed.position) {
        const rest = at >= feed.position ? [] : feed.recent.after(at, largestRest);
        const sent = this.send(connection, rest, rooms, isFor);
        if (sent.reset) return 'reset';
        at = rest.at(-1)?.seq ?? at;
        if (at >= feed.position) {
          // The last of it was in memory: sent and live in one go, nothing passes in between.
          connection.moves.clear();
          goLive(rooms);
          return 'live';
        }
      } else {
        const asked = new Set(rooms);
        const page = await history.page(at, most, connection.playerId, [...asked, ...own]);
        // Of another log, which the feed has not found yet: its events are none of what was missed.
        if (page.pruned || page.epoch !== epoch) return 'pruned';
        if (connection.closed) return 'closed';
        if (feed.generation !== generation) return 'pruned';
        // What this instance has not handed out itself yet comes live.
        const entries = page.entries.filter((entry) => entry.seq <= feed.position);
        const sent = this.send(connection, entries, rooms, isFor, asked);
        if (sent.reset) return 'reset';
        at = sent.stoppedAt ?? Math.min(page.upTo, feed.position);
        const large = pageSizeOf(page.entries).length > pageBytes;
        most = Math.max(10, Math.min(largestPage, large ? most >> 1 : most * 2));
      }
      if (connection.wire.unsentBytes() > this.options.unsentBytes) await connection.wire.drained();
    }
  }

  /** Sends what of the entries is for the connection. Stops before the first it could not have been given, and at a reset of its memberships. */
  private send(
    connection: Connection,
    entries: readonly LogEntry[],
    rooms: Set<string>,
    isFor: (entry: LogEntry, emit: Emit) => boolean,
    asked?: ReadonlySet<string>,
  ): { stoppedAt?: number; reset?: boolean } {
    const { emits, messages, feed } = this.options;
    let due = Batch.empty();
    let end: { stoppedAt?: number; reset?: boolean } = {};
    for (const entry of entries) {
      const moves = entry.member === connection.playerId && entry.room !== null;
      if (moves && entry.effect === 'join' && entry.room !== null) rooms.add(entry.room);
      const emit = emits.of(entry, feed.epoch);
      const held = connection.held.length;
      if (emit && held > 0) connection.held = emits.without(connection.held, entry, emit);
      const concerned = emit
        ? isFor(entry, emit) || connection.held.length < held
        : this.concerns(entry, connection, rooms);
      // Of its own reset it is told once its memberships have been read again.
      const reset =
        entry.effect === 'reset' && (entry.member === null || entry.member === connection.playerId);
      const message = emit ? emit.message : reset ? null : messages.of(entry, feed.epoch);
      if (concerned && message) {
        due = due.with(message);
        if (message instanceof ErrorMessage) connection.onError(message.code);
      }
      if (entry.effect === 'leave' && moves && entry.room !== null) rooms.delete(entry.room);
      if (entry.effect === 'close' && entry.room !== null) rooms.delete(entry.room);
      if (moves && entry.effect === 'join' && entry.room !== null && asked && !asked.has(entry.room)) {
        // The page was asked for without this room: what follows in it may lack the room's events.
        end = { stoppedAt: entry.seq };
        break;
      }
      if (reset) {
        end = { reset: true };
        break;
      }
    }
    if (due.count > 0) connection.wire.writeReplay(due);
    return end;
  }

  private concerns(entry: LogEntry, connection: Connection, rooms: ReadonlySet<string>): boolean {
    return (
      entry.room === everyoneRoom ||
      (entry.room !== null && rooms.has(entry.room)) ||
      entry.player === connection.playerId
    );
  }

  /** Membership as it was at `seq`: today's, with the moves since then undone. */
  private async roomsAt(playerId: string, seq: number, now: ReadonlySet<string>): Promise<Set<string>> {
    const rooms = new Set(now);
    const first = new Map<string, 'join' | 'leave'>();
    for (const { room, effect } of await this.options.memberships.movesAfter(playerId, seq)) {
      if (!first.has(room)) first.set(room, effect);
    }
    for (const [room, effect] of first) {
      if (effect === 'join') rooms.delete(room);
      else rooms.add(room);
    }
    return rooms;
  }
}
