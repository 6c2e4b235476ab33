/** Connections, messages and entries for tests of routing: no socket, no database. */
import { entryOf, type EntryRow, type LogEntry } from '../../../src/log/entry.js';
import { Outgoing, type Form, type Framing } from '../../../src/protocol/outgoing.js';
import type { Batch } from '../../../src/routing/batch.js';
import { Hub } from '../../../src/routing/hub.js';
import type { RoomDoor } from '../../../src/routing/router.js';
import { Connection, type Transport, type Wire } from '../../../src/transports/connection.js';

/** Keeps what is written. */
export class FakeWire implements Wire {
  form: Form = 'raw';
  /** Every write, as the names or texts of its messages. */
  readonly writes: string[][] = [];
  readonly buffers: Buffer[] = [];
  readonly closes: number[] = [];
  /** Returned by `writeBatch`. */
  takes = true;
  unsent = 0;
  drains = 0;

  constructor(readonly transport: Transport = 'websocket') {}

  get texts(): string[] {
    return this.writes.flat();
  }
  get framing(): Framing {
    return this.form;
  }
  plainSocket(): null {
    return null;
  }
  alone(): void {}
  writeBatch(batch: Batch): boolean {
    if (this.takes) this.record(batch);
    return this.takes;
  }
  writeReplay(batch: Batch): void {
    this.record(batch);
  }
  write(message: Outgoing): void {
    this.writes.push([message.data]);
  }
  unsentBytes(): number {
    return this.unsent;
  }
  tooSlow(): boolean {
    return false;
  }
  async drained(): Promise<void> {
    this.drains++;
    this.unsent = 0;
  }
  close(code: number): void {
    this.closes.push(code);
  }
  private record(batch: Batch): void {
    this.buffers.push(batch.frames(this.form));
    this.writes.push(batch.messages().map(({ data }) => data));
  }
}

export interface FakeConnection extends Connection {
  readonly wire: FakeWire;
}

let made = 0;
export function fakeConnection(playerId: string, transport?: Transport): FakeConnection {
  return new Connection(`c${++made}`, playerId, new FakeWire(transport)) as FakeConnection;
}

export const message = (data: string): Outgoing => new Outgoing('t', data);

/** A hub, a door that puts into its rooms, and what the hub has reported. */
export function fakeHub() {
  const slow: Connection[] = [];
  const delivered: [number, number][] = [];
  const broken: unknown[] = [];
  const told: [string, number][] = [];
  const hub = new Hub({
    onDelivered: (websocket, socketio) => void delivered.push([websocket, socketio]),
    onTold: (code, connections) => void told.push([code, connections]),
    onSlow: (connection) => void slow.push(connection),
    onBroken: (_connection, error) => void broken.push(error),
  });
  const door: RoomDoor = {
    enter: (connection, room) => hub.joined(room, connection),
    leave: (connection, room) => hub.left(room, connection),
  };
  /** A live connection in these rooms. */
  const live = (playerId: string, ...rooms: string[]) => {
    const connection = fakeConnection(playerId);
    hub.add(connection);
    connection.live = true;
    hub.everyone.add(connection);
    for (const room of rooms) {
      connection.addMembership(room);
      door.enter(connection, room);
    }
    return connection;
  };
  return { hub, door, slow, broken, delivered, told, live };
}

/** An entry of the log; its `data` is its type unless given. */
export function entry(seq: number, row: Partial<Omit<EntryRow, 'seq'>> = {}): LogEntry {
  const type = row.type ?? 'contract.created';
  return entryOf({
    seq: String(seq),
    type,
    room: '*',
    player: null,
    effect: null,
    member: null,
    data: `"${seq}"`,
    at: 0,
    ...row,
  });
}
