/** The connections of this instance and the rooms they are in; delivery to a room is a walk and one write each. */
import type { ErrorCode } from '../errors.js';
import { ErrorMessage } from '../protocol/error-message.js';
import type { Outgoing } from '../protocol/outgoing.js';
import type { Connection, Transport } from '../transports/connection.js';
import { Batch } from './batch.js';
import { Everyone } from './everyone.js';
import { Group } from './group.js';

/** Connections of one room or player. */
export interface Members extends Iterable<Connection> {
  readonly size: number;
  has(connection: Connection): boolean;
}

export interface HubObserver {
  /** Deliveries of one flush, by transport. */
  onDelivered(websocket: number, socketio: number): void;
  /** An error has become due to so many connections. */
  onTold(code: ErrorCode, connections: number): void;
  /** The connection did not take its bytes, and has to go. */
  onSlow(connection: Connection): void;
  /** Writing to it threw: our bug, and no reason to keep the message from the others. */
  onBroken(connection: Connection, error: unknown): void;
}

const none = new Group();

export class Hub {
  /** Every live connection. */
  readonly everyone: Everyone;
  private readonly rooms = new Map<string, Group>();
  private readonly players = new Map<string, Group>();
  private dirty: Connection[] = [];
  private empty = Batch.empty();
  /** What everyone is due, as long as nobody is due anything else. */
  private common: Batch | undefined;

  constructor(private readonly observer: HubObserver) {
    this.everyone = new Everyone((connection, error) => observer.onBroken(connection, error));
  }

  /** Known under its player, though not live yet. */
  add(connection: Connection): void {
    const own = this.players.get(connection.playerId);
    if (own) own.add(connection);
    else this.players.set(connection.playerId, new Group(connection));
  }

  /** Live: from here on it is one of everyone. What is due to everyone by now was before its time. */
  enter(connection: Connection): void {
    this.flush();
    connection.live = true;
    this.everyone.add(connection);
  }

  remove(connection: Connection): void {
    connection.closed = true;
    connection.live = false;
    this.everyone.delete(connection);
    const own = this.players.get(connection.playerId);
    own?.delete(connection);
    if (own?.size === 0) this.players.delete(connection.playerId);
  }

  ofPlayer(playerId: string): Members {
    return this.players.get(playerId) ?? none;
  }

  inRoom(room: string): Group {
    return this.rooms.get(room) ?? none;
  }

  roomNames(): IterableIterator<string> {
    return this.rooms.keys();
  }

  /** Called by the adapter alone: Socket.IO's rooms and these are the same. */
  joined(room: string, connection: Connection): void {
    const members = this.rooms.get(room);
    if (members) members.add(connection);
    else this.rooms.set(room, new Group(connection));
  }

  left(room: string, connection: Connection): void {
    const members = this.rooms.get(room);
    if (!members) return;
    members.delete(connection);
    if (members.size === 0) this.rooms.delete(room);
  }

  /** Makes a message due to every live one of these; `flush` sends it. */
  deliver(message: Outgoing, to: Iterable<Connection>): void {
    if (this.common) this.spread(this.common);
    let reached = 0;
    const members = to instanceof Group ? to.members : to;
    if (Array.isArray(members)) {
      for (let at = 0; at < members.length; at++) reached += this.owe(members[at] as Connection, message);
    } else {
      for (const connection of members) reached += this.owe(connection, message);
    }
    if (message instanceof ErrorMessage) this.observer.onTold(message.code, reached);
  }

  /** Returns to how many it is due with that. */
  private owe(connection: Connection, message: Outgoing): 0 | 1 {
    if (!connection.live) return 0;
    message.prepare(connection.wire.framing);
    const { due } = connection;
    const next = (due ?? this.empty).with(message);
    if (due) due.holders--;
    else this.dirty.push(connection);
    next.holders++;
    connection.due = next;
    return 1;
  }

  /** The same for everyone: while nobody is due anything else, no connection need be touched before the flush. */
  deliverToAll(message: Outgoing): void {
    if (this.dirty.length > 0) return this.deliver(message, this.everyone);
    this.common = (this.common ?? this.empty).with(message);
    if (message instanceof ErrorMessage) this.observer.onTold(message.code, this.everyone.size);
  }

  private spread(common: Batch): void {
    this.common = undefined;
    for (const connection of this.everyone) {
      connection.due = common;
      common.holders++;
      this.dirty.push(connection);
    }
  }

  /** Writes what is due: one write a connection. */
  flush(): void {
    const { common, dirty } = this;
    if (!common && dirty.length === 0) return;
    this.common = undefined;
    this.dirty = [];
    this.empty = Batch.empty();
    const delivered = { websocket: 0, socketio: 0 };
    if (common) {
      this.everyone.write(common, (connection) => this.write(connection, common, delivered), delivered);
    } else {
      for (const connection of dirty) {
        const { due } = connection;
        connection.due = undefined;
        if (due) this.write(connection, due, delivered);
      }
    }
    this.observer.onDelivered(delivered.websocket, delivered.socketio);
  }

  private write(connection: Connection, due: Batch, delivered: Record<Transport, number>): void {
    if (connection.closed) return;
    const { wire } = connection;
    try {
      if (!wire.writeBatch(due)) return this.observer.onSlow(connection);
    } catch (error) {
      return this.observer.onBroken(connection, error);
    }
    delivered[wire.transport] += due.count;
  }
}
