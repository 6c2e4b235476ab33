/** Events for `for await`, and how far the program has come with them. */

interface Place {
  readonly at: number;
  readonly cursor: string | undefined;
}

interface Reader<T> {
  readonly queue: { readonly event: T; readonly place: Place }[];
  /** Of the last event that was handed out. */
  place: Place;
  wake: () => void;
}

export class Stream<T> {
  private readonly readers = new Set<Reader<T>>();
  private place: Place;
  private over: { readonly error?: Error } | undefined;

  constructor(since: string | undefined) {
    this.place = { at: 0, cursor: since };
  }

  /** Where the connection is. */
  get received(): string | undefined {
    return this.place.cursor;
  }

  /** Where the program is: behind what was received while an iterator has events waiting. */
  get cursor(): string | undefined {
    let least = this.place;
    for (const { queue, place } of this.readers) if (queue.length > 0 && place.at < least.at) least = place;
    return least.cursor;
  }

  advance(cursor: string): void {
    this.place = { at: this.place.at + 1, cursor };
  }

  /** An event at the place that was advanced to. */
  push(event: T): void {
    for (const reader of this.readers) {
      reader.queue.push({ event, place: this.place });
      reader.wake();
    }
  }

  end(error?: Error): void {
    this.over = error ? { error } : {};
    for (const { wake } of this.readers) wake();
  }

  /** Events from this call on; ends with the client, after those that wait, and throws if that was an error. */
  iterate(): AsyncGenerator<T, void, undefined> {
    // Registered here and not at the first `next`: events that come before it are not missed.
    const reader: Reader<T> = { queue: [], place: this.place, wake: () => undefined };
    this.readers.add(reader);
    const events = this.read(reader);
    const end = events.return.bind(events);
    // A generator that was never started does not run its `finally`.
    events.return = (value) => {
      this.readers.delete(reader);
      reader.wake();
      return end(value);
    };
    return events;
  }

  private async *read(reader: Reader<T>): AsyncGenerator<T, void, undefined> {
    try {
      while (this.readers.has(reader)) {
        const next = reader.queue.shift();
        if (next) {
          reader.place = next.place;
          yield next.event;
        } else if (this.over) {
          if (this.over.error) throw this.over.error;
          return;
        } else {
          await new Promise<void>((resolve) => (reader.wake = resolve));
        }
      }
    } finally {
      this.readers.delete(reader);
    }
  }
}
