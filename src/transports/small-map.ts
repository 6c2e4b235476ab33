/**
 * A Map of hardly ever more than one entry, which it keeps in fields: a Map of V8's takes 350 bytes, empty or not, and Socket.IO
 * has three for every connection.
 */
export class SmallMap<K, V> implements Map<K, V> {
  private used = false;
  private key: K | undefined;
  private value: V | undefined;
  /** All of them, once there have been two. */
  private many: Map<K, V> | undefined;

  constructor(entries: Iterable<readonly [K, V]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  get [Symbol.toStringTag](): string {
    return 'SmallMap';
  }

  get size(): number {
    return this.many ? this.many.size : this.used ? 1 : 0;
  }

  has(key: K): boolean {
    return this.many ? this.many.has(key) : this.used && this.key === key;
  }

  get(key: K): V | undefined {
    return this.many ? this.many.get(key) : this.has(key) ? this.value : undefined;
  }

  set(key: K, value: V): this {
    if (!this.many && this.used && this.key !== key) {
      this.many = new Map(this.entries());
      this.forget();
    }
    if (this.many) {
      this.many.set(key, value);
    } else {
      this.used = true;
      this.key = key;
      this.value = value;
    }
    return this;
  }

  delete(key: K): boolean {
    if (this.many) return this.many.delete(key);
    const had = this.has(key);
    if (had) this.forget();
    return had;
  }

  clear(): void {
    this.many = undefined;
    this.forget();
  }

  forEach(callback: (value: V, key: K, map: Map<K, V>) => void, self?: unknown): void {
    for (const [key, value] of this.entries()) callback.call(self, value, key, this);
  }

  /** Of those that are there now. */
  entries(): MapIterator<[K, V]> {
    const one = (this.used ? [[this.key, this.value]] : []) as [K, V][];
    return (this.many ?? one)[Symbol.iterator]();
  }

  keys(): MapIterator<K> {
    return this.many?.keys() ?? [...this.entries()].map(([key]) => key).values();
  }

  values(): MapIterator<V> {
    return this.many?.values() ?? [...this.entries()].map(([, value]) => value).values();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  private forget(): void {
    this.used = false;
    this.key = this.value = undefined;
  }
}
