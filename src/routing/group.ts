/**
 * A set of hardly ever more than one, which it keeps in a field: a Set of V8's takes 170 bytes, and every connection is the only
 * one of its player's, and alone in the room of its own name.
 */
import type { Connection } from '../transports/connection.js';

export class Group implements Iterable<Connection> {
  /** All of them, once there have been two. */
  private many: Set<Connection> | undefined;

  constructor(private only?: Connection) {}

  get size(): number {
    return this.many ? this.many.size : this.only ? 1 : 0;
  }

  has(connection: Connection): boolean {
    return this.many ? this.many.has(connection) : this.only === connection;
  }

  add(connection: Connection): void {
    if (this.many) {
      this.many.add(connection);
    } else if (this.only && this.only !== connection) {
      this.many = new Set([this.only, connection]);
      this.only = undefined;
    } else {
      this.only = connection;
    }
  }

  delete(connection: Connection): void {
    if (this.many) this.many.delete(connection);
    else if (this.only === connection) this.only = undefined;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return (this.many ?? (this.only ? [this.only] : []))[Symbol.iterator]();
  }
}
