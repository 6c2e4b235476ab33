/**
 * A Set of hardly ever more than a few names, which it keeps in a list, and one alone without: a Set of V8's takes 210 bytes, and
 * Socket.IO's adapter has three for every connection: of its rooms, and of who is in the room of its own name and in its player's.
 */
import { inspect } from 'node:util';

/** So many are looked through as fast as looked up. */
const few = 4;

export class SmallSet implements Set<string> {
  private held: string | readonly string[] | Set<string> | undefined;

  constructor(names: Iterable<string> = []) {
    for (const name of names) this.add(name);
  }

  get [Symbol.toStringTag](): string {
    return 'SmallSet';
  }

  private get names(): readonly string[] {
    const { held } = this;
    return held === undefined ? [] : typeof held === 'string' ? [held] : [...held];
  }

  get size(): number {
    const { held } = this;
    if (held === undefined) return 0;
    return typeof held === 'string' ? 1 : held instanceof Set ? held.size : held.length;
  }

  has(name: string): boolean {
    const { held } = this;
    if (held === undefined || typeof held === 'string') return held === name;
    return held instanceof Set ? held.has(name) : held.includes(name);
  }

  add(name: string): this {
    const { held } = this;
    if (held instanceof Set) held.add(name);
    else if (held === undefined) this.held = name;
    else if (!this.has(name)) {
      const names = this.names.concat(name);
      this.held = names.length > few ? new Set(names) : names;
    }
    return this;
  }

  delete(name: string): boolean {
    const { held } = this;
    if (held instanceof Set) return held.delete(name);
    if (!this.has(name)) return false;
    const names = this.names.filter((other) => other !== name);
    this.held = names.length > 1 ? names : names[0];
    return true;
  }

  clear(): void {
    this.held = undefined;
  }

  forEach(callback: (name: string, again: string, set: Set<string>) => void, self?: unknown): void {
    for (const name of this.values()) callback.call(self, name, name, this);
  }

  /** Like a Set's: without those that are deleted on the way, and with those that are added. */
  *values(): SetIterator<string> {
    const seen: string[] = [];
    while (!(this.held instanceof Set)) {
      const next = this.names.find((name) => !seen.includes(name));
      if (next === undefined) return;
      seen.push(next);
      yield next;
    }
    for (const name of this.held) if (!seen.includes(name)) yield name;
  }

  keys(): SetIterator<string> {
    return this.values();
  }

  *entries(): SetIterator<[string, string]> {
    for (const name of this.values()) yield [name, name];
  }

  [Symbol.iterator](): SetIterator<string> {
    return this.values();
  }

  [inspect.custom](): Set<string> {
    return new Set(this);
  }
}

/** To whoever looks, as Socket.IO's documentation has it, a Set; with what Sets can do since Node 22. */
Object.setPrototypeOf(SmallSet.prototype, Set.prototype);
for (const name of Object.getOwnPropertyNames(Set.prototype)) {
  if (Object.hasOwn(SmallSet.prototype, name)) continue;
  Object.defineProperty(SmallSet.prototype, name, {
    configurable: true,
    writable: true,
    value(this: SmallSet, ...args: unknown[]): unknown {
      const set = new Set(this) as unknown as Record<string, (...args: unknown[]) => unknown>;
      return set[name]?.(...args);
    },
  });
}

/** Puts a small one in the place of a Set that is small. */
export function shrinkSet<K>(sets: Map<K, Set<string>>, key: K): void {
  const set = sets.get(key);
  if (set && !(set instanceof SmallSet) && set.size <= few) sets.set(key, new SmallSet(set));
}
