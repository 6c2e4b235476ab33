/**
 * A set of hardly ever more than a few, which it keeps in a field or an array: a Set of V8's takes 170 bytes, and every connection is the
 * only one of its player's, and alone in the room of its own name. An array is walked faster, too.
 */
import type { Connection } from '../transports/connection.js';

/** From here on an array is searched for longer than a Set. */
const mostFew = 16;

export class Group implements Iterable<Connection> {
  /** Bytes that the room is due since the last flush: the router's account. */
  due = 0;
  /** All of them, where there are two or more, but not many. As long as it has to be, and no longer. */
  private few: readonly Connection[] | undefined;
  private many: Set<Connection> | undefined;

  constructor(private only?: Connection) {}

  get size(): number {
    return this.many ? this.many.size : this.few ? this.few.length : this.only ? 1 : 0;
  }

  /** What `for … of` goes through, faster: an array where it is one. */
  get members(): readonly Connection[] | Set<Connection> {
    return this.many ?? this.few ?? (this.only ? [this.only] : []);
  }

  has(connection: Connection): boolean {
    if (this.many) return this.many.has(connection);
    return this.few ? this.few.includes(connection) : this.only === connection;
  }

  add(connection: Connection): void {
    if (this.many) {
      this.many.add(connection);
    } else if (this.few) {
      if (this.few.includes(connection)) return;
      if (this.few.length < mostFew) this.few = [...this.few, connection];
      else [this.many, this.few] = [new Set(this.few).add(connection), undefined];
    } else if (this.only && this.only !== connection) {
      this.few = [this.only, connection];
      this.only = undefined;
    } else {
      this.only = connection;
    }
  }

  delete(connection: Connection): void {
    if (this.many) this.many.delete(connection);
    else if (this.few) this.few = this.few.filter((other) => other !== connection);
    else if (this.only === connection) this.only = undefined;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.members[Symbol.iterator]();
  }
}
