/** Every live connection: what is due to all of them goes down a lane for those who need no looking at, and one by one to the others. */
import type { Framing } from '../protocol/outgoing.js';
import type { Connection, Transport } from '../transports/connection.js';
import { Lane } from '../transports/lane.js';
import type { Batch } from './batch.js';

interface Road {
  readonly transport: Transport;
  readonly lane: Lane<Connection>;
}

export class Everyone implements Iterable<Connection> {
  private readonly all = new Set<Connection>();
  /** Those in no lane: new, in the middle of something, or behind. */
  readonly strays = new Set<Connection>();
  private readonly roads = new Map<Framing, Road>();

  /** @param onBroken writing to it threw */
  constructor(private readonly onBroken: (connection: Connection, error: unknown) => void) {}

  get size(): number {
    return this.all.size;
  }

  add(connection: Connection): void {
    this.all.add(connection);
    this.strays.add(connection);
  }

  delete(connection: Connection): void {
    this.all.delete(connection);
    connection.wire.alone();
    this.strays.delete(connection);
  }

  has(connection: Connection): boolean {
    return this.all.has(connection);
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.all[Symbol.iterator]();
  }

  /**
   * Writes a batch to everyone.
   * @param one writes it to one who is in no lane
   * @param delivered counts what went down the lanes
   */
  write(batch: Batch, one: (connection: Connection) => void, delivered: Record<Transport, number>): void {
    const plain: Connection[] = [];
    // Who leaves a lane meanwhile is come to in this walk.
    for (const connection of this.strays) {
      one(connection);
      if (connection.wire.plainSocket()) plain.push(connection);
    }
    for (const [framing, { transport, lane }] of this.roads) {
      if (lane.size === 0) continue;
      delivered[transport] += lane.size * batch.count;
      lane.write(batch.frames(framing));
    }
    for (const connection of plain) this.join(connection);
  }

  private join(connection: Connection): void {
    const { wire } = connection;
    const socket = wire.plainSocket();
    if (!socket || !this.strays.delete(connection)) return;
    let road = this.roads.get(wire.framing);
    if (!road) this.roads.set(wire.framing, (road = this.build(wire.transport)));
    road.lane.add(socket, connection);
  }

  private build(transport: Transport): Road {
    const onLeave = (connection: Connection) => {
      if (this.all.has(connection)) this.strays.add(connection);
    };
    return { transport, lane: new Lane<Connection>(onLeave, this.onBroken) };
  }
}
