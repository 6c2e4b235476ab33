/**
 * Takes each entry of the log to its audience, and moves connections in and out of rooms at its place in the order.
 *
 * Everything in here is synchronous: between two entries nothing else happens, so "nothing after you left" is
 * exact, on every instance.
 */
import { entryType as adapterType } from '../adapter/messages.js';
import { isUnreadable } from '../adapter/ordered-entry.js';
import { everyoneRoom, type LogEntry } from '../log/entry.js';
import type { Outgoing } from '../protocol/outgoing.js';
import type { Connection } from '../transports/connection.js';
import type { Group } from './group.js';
import type { Hub } from './hub.js';
import type { EntryMessages } from './messages.js';
import { mayHold, parseRights } from './rights.js';

/** Puts connections into rooms and takes them out; the adapter's room map follows. */
export interface RoomDoor {
  enter(connection: Connection, room: string): void;
  leave(connection: Connection, room: string): void;
}

export interface RouterOptions {
  readonly hub: Hub;
  readonly door: RoomDoor;
  readonly messages: EntryMessages;
  readonly epoch: () => string;
  /** What somebody may be in a room for has changed, or one member alone; null: in any room. */
  readonly onRoomChange: (room: string | null, member?: string) => void;
  /** Memberships changed in a way the log does not tell; null: everybody's. They must be read again. */
  readonly onReset: (playerId: string | null) => void;
  /** An entry of the Socket.IO adapter's: what a program has sent, or whom it has moved. */
  readonly onAdapterEntry?: (entry: LogEntry) => void;
  /** After an entry has been handed out. */
  readonly onRouted?: (entry: LogEntry) => void;
}

/** Above this many bytes for everyone, or for one room, what is due is written before more is added to it. */
const flushBytes = 1 << 20;
/** And above this many for rooms together: each member is due a few of them. */
const flushRoomsBytes = 4 << 20;
/** How long what is due waits for the rest of a backlog that is being read, in milliseconds. */
const gatherMs = 30;
/** And how long where it is a little for each of many rooms, in milliseconds: there a write costs the most by far. */
const gatherRoomsMs = 100;
/** That is: at most so many bytes for any of them, and nothing for everyone. */
const littleBytes = 64 << 10;

export class Router {
  private dueToAll = 0;
  private dueToRooms = 0;
  /** What is due to the room that is due the most. */
  private mostToRoom = 0;
  /** Those that have an account. */
  private readonly dueRooms: Group[] = [];
  private gathering: NodeJS.Timeout | undefined;

  constructor(private readonly options: RouterOptions) {}

  /**
   * Routes the next entries of the log and writes what they made due: each connection gets one write. With `more`
   * the rest of a backlog follows within a page's reading, and what is due is written with it if it comes soon.
   */
  route(entries: readonly LogEntry[], more = false): void {
    const { onRouted } = this.options;
    for (const entry of entries) {
      const members = this.routeOne(entry);
      onRouted?.(entry);
      if (this.isMuch(entry, members)) this.flush();
    }
    if (!more) this.flush();
    else this.gathering ??= setTimeout(() => this.gathered(), gatherMs);
  }

  private gathered(): void {
    if (this.dueToAll > 0 || this.mostToRoom > littleBytes) this.flush();
    else this.gathering = setTimeout(() => this.flush(), gatherRoomsMs - gatherMs);
  }

  private isMuch({ room, length: bytes }: LogEntry, members: Group | null): boolean {
    if (room === everyoneRoom) return (this.dueToAll += bytes) > flushBytes;
    if (!members || members.size === 0) return false;
    if (members.due === 0) this.dueRooms.push(members);
    const toRoom = (members.due += bytes);
    this.mostToRoom = Math.max(this.mostToRoom, toRoom);
    return toRoom > flushBytes || (this.dueToRooms += bytes) > flushRoomsBytes;
  }

  /** Writes what is due. */
  flush(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    this.dueToAll = this.dueToRooms = this.mostToRoom = 0;
    for (const members of this.dueRooms) members.due = 0;
    this.dueRooms.length = 0;
    this.options.hub.flush();
  }

  /** Returns who is in the entry's room. */
  private routeOne(entry: LogEntry): Group | null {
    const { hub, messages } = this.options;
    if (entry.type === adapterType && !isUnreadable(entry)) {
      const members = this.roomOf(entry);
      this.options.onAdapterEntry?.(entry);
      return members;
    }
    if (entry.effect === 'join') this.join(entry);
    const members = this.roomOf(entry);
    const message = messages.of(entry, this.options.epoch());
    if (message) {
      if (entry.effect === 'reset') {
        this.deliverToOthers(entry, message);
      } else if (entry.room === everyoneRoom) {
        hub.deliverToAll(message);
      } else {
        if (members) hub.deliver(message, members);
        if (entry.player !== null) this.deliverTo(entry.player, members, message);
      }
    }
    this.settle(entry);
    return members;
  }

  private roomOf({ room }: LogEntry): Group | null {
    return room === null || room === everyoneRoom ? null : this.options.hub.inRoom(room);
  }

  /** To the player's connections that did not get it in the room. */
  private deliverTo(playerId: string, members: Group | null, message: Outgoing): void {
    const own = this.options.hub.ofPlayer(playerId);
    if (own.size === 0) return;
    this.options.hub.deliver(
      message,
      members?.size ? [...own].filter((connection) => !members.has(connection)) : own,
    );
  }

  /** To whom the reset is no business of: the others are told when their memberships have been read again. */
  private deliverToOthers({ room, member }: LogEntry, message: Outgoing): void {
    const { hub } = this.options;
    if (room === null || member === null) return;
    const audience = room === everyoneRoom ? hub.everyone : hub.inRoom(room);
    hub.deliver(
      message,
      [...audience].filter(({ playerId }) => playerId !== member),
    );
  }

  private join({ member, room }: LogEntry): void {
    if (member === null || room === null) return;
    for (const connection of this.options.hub.ofPlayer(member)) {
      if (!connection.live) {
        connection.moves.set(room, 'join');
        continue;
      }
      connection.addMembership(room);
      this.options.door.enter(connection, room);
    }
  }

  /** What an entry does to rooms after it has been handed out. */
  private settle(entry: LogEntry): void {
    const { hub } = this.options;
    const { room } = entry;
    switch (entry.effect) {
      case null:
      case 'join':
        return;
      case 'leave':
        if (room === null || entry.member === null) return;
        for (const connection of hub.ofPlayer(entry.member)) {
          if (connection.live) this.evict(connection, room);
          else {
            connection.moves.set(room, 'leave');
            if (connection.subscriptions.has(room)) this.evict(connection, room);
          }
        }
        this.options.onRoomChange(room, entry.member);
        return;
      case 'ended':
        // The live ones stay until the room is closed: they are to see the lobby's end.
        if (room === null || entry.member === null) return;
        for (const connection of hub.ofPlayer(entry.member)) {
          if (!connection.live) connection.moves.set(room, 'leave');
        }
        return;
      case 'close':
        if (room !== null) this.empty(room);
        this.options.onRoomChange(room);
        return;
      case 'rights': {
        if (room === null) return;
        const rights = parseRights(entry.data);
        for (const connection of [...hub.inRoom(room)]) {
          if (connection.memberships.has(room) || mayHold(rights, connection.playerId)) continue;
          this.evict(connection, room);
        }
        this.options.onRoomChange(room);
        return;
      }
      case 'reset':
        this.reset(entry.member);
        return;
    }
  }

  /** Out of the room, with membership and subscription alike. */
  private evict(connection: Connection, room: string): void {
    connection.leave(room);
    this.options.door.leave(connection, room);
  }

  private empty(room: string): void {
    for (const connection of [...this.options.hub.inRoom(room)]) this.evict(connection, room);
  }

  /** Until memberships have been read again nobody concerned is in any of them: rather a gap that is told. */
  private reset(member: string | null): void {
    const { hub } = this.options;
    const concerned = member === null ? hub.everyone : hub.ofPlayer(member);
    // What came before leaves before they are told.
    this.flush();
    for (const connection of [...concerned]) {
      for (const room of connection.subscriptions) connection.lapsed.add(room);
      for (const room of [...connection.memberships, ...connection.subscriptions]) {
        this.evict(connection, room);
      }
    }
    this.options.onRoomChange(null);
    this.options.onReset(member);
  }
}
