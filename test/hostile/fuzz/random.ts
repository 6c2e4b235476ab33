/** Numbers that look random and come again with the same seed. */

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to, not including, 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.integer(0, items.length - 1)] as Item;
  }

  times<Item>(most: number, make: () => Item): Item[] {
    return Array.from({ length: this.integer(0, most) }, make);
  }

  bytes(most: number): Buffer {
    return Buffer.from(this.times(most, () => this.integer(0, 255)));
  }

  /** Changes a few characters: takes some away, doubles some, puts others in their place. */
  mutate(text: string, changes = 3): string {
    let changed = text;
    for (let change = this.integer(1, changes); change > 0; change--) {
      const at = this.integer(0, changed.length);
      const length = this.integer(0, 8);
      const part = changed.slice(at, at + length);
      const instead = this.pick([
        '',
        part + part,
        String.fromCharCode(this.integer(0, 255)),
        '"',
        '\\',
        '{',
        '\0',
      ]);
      changed = changed.slice(0, at) + instead + changed.slice(at + length);
    }
    return changed;
  }
}
