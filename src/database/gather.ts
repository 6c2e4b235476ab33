/** Puts what many ask for at the same time into one query: thousands of clients that come back at once cost a few. */

interface Waiting<Key, Value> {
  readonly key: Key;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** How many keys a query asks for at most. */
const maxBatch = 500;
/** Of its queries, how many run at once: the rest of the pool is for others. */
const maxQueries = 2;

export class Gather<Key, Value> {
  private waiting: Waiting<Key, Value>[] = [];
  private running = 0;

  /** @param load returns a value for every key, in their order */
  constructor(private readonly load: (keys: readonly Key[]) => Promise<readonly Value[]>) {}

  /** Rejects with what the query fails with, like all that were in it. */
  ask(key: Key): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ key, resolve, reject });
      // All that are asked for in this turn of the event loop, or while queries run, go together.
      if (this.waiting.length === 1) setImmediate(() => this.run());
    });
  }

  private run(): void {
    if (this.running >= maxQueries || this.waiting.length === 0) return;
    const batch = this.waiting.slice(0, maxBatch);
    this.waiting = this.waiting.slice(maxBatch);
    this.running++;
    void this.answer(batch).finally(() => {
      this.running--;
      this.run();
    });
    this.run();
  }

  /** Never rejects. */
  private async answer(batch: readonly Waiting<Key, Value>[]): Promise<void> {
    try {
      const values = await this.load(batch.map(({ key }) => key));
      if (values.length !== batch.length) throw new Error('a query did not answer all it was asked');
      values.forEach((value, at) => batch[at]?.resolve(value));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
