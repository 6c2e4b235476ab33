/**
 * What is due to a connection in this tick, shared by all connections that are due the same.
 *
 * Messages are many and connections are more: giving each connection a queue of its own would cost an append per
 * delivery and a join per connection. Here a connection holds one pointer. Adding a message moves it to the batch
 * "this one, and then that message", which is made once and found by everybody else who adds the same message to
 * the same batch. At the end of the tick each batch is joined into one buffer once, and every connection that
 * points at it writes that buffer.
 */
import { joined, joinedInPassing } from '../protocol/frame-memory.js';
import type { Framing, Outgoing } from '../protocol/outgoing.js';

/** A batch as the start of a walk to the ones before it. */
const chainOf = (batch: Batch): Batch | undefined => batch;

export class Batch {
  private next: Batch | undefined;
  private nextFor: Outgoing | undefined;
  /** What was asked for last: most connections ask for the same as the one before. */
  private lastFraming: Framing | undefined;
  private lastFrames: Buffer | undefined;
  /** What was asked for before that; many batches are one connection's alone, and have none. */
  private others: Partial<Record<Framing, Buffer>> | undefined;
  /** How many connections are due this and no more. */
  holders = 0;

  private constructor(
    readonly before: Batch | undefined,
    readonly last: Outgoing | undefined,
    readonly count: number,
  ) {}

  /** Nothing yet; one of these a tick, so that no tick's messages outlive it. */
  static empty(): Batch {
    return new Batch(undefined, undefined, 0);
  }

  /** This batch and one more message. */
  with(message: Outgoing): Batch {
    if (this.nextFor === message && this.next) return this.next;
    this.nextFor = message;
    return (this.next = new Batch(this, message, this.count + 1));
  }

  /** All of it as WebSocket frames, in one buffer. */
  frames(framing: Framing): Buffer {
    const { lastFraming, lastFrames } = this;
    if (framing === lastFraming && lastFrames) return lastFrames;
    if (lastFraming && lastFrames) (this.others ??= {})[lastFraming] = lastFrames;
    this.lastFraming = framing;
    return (this.lastFrames = this.others?.[framing] ?? this.join(framing));
  }

  /** The same for one write that is over at once: what is due to one connection alone is kept nowhere, see `joinedInPassing`. */
  framesInPassing(framing: Framing): Buffer {
    return this.holders === 1 && this.count > 1 ? joinedInPassing(this.parts(framing)) : this.frames(framing);
  }

  private join(framing: Framing): Buffer {
    const parts = this.parts(framing);
    return parts.length === 1 && parts[0] ? parts[0] : joined(parts);
  }

  private parts(framing: Framing): Buffer[] {
    const parts = new Array<Buffer>(this.count);
    for (let at = this.count, batch = chainOf(this); batch?.last; batch = batch.before)
      parts[--at] = batch.last.frame(framing);
    return parts;
  }

  /** All of it, first to last. */
  messages(): Outgoing[] {
    const messages = new Array<Outgoing>(this.count);
    for (let at = this.count, batch = chainOf(this); batch?.last; batch = batch.before)
      messages[--at] = batch.last;
    return messages;
  }
}
