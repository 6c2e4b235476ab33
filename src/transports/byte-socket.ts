/** Writing shared buffers to a TCP socket, and knowing what the client has not taken. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { keepPassing } from '../protocol/frame-memory.js';
import { Pieces } from '../protocol/frame.js';
import type { Framing } from '../protocol/outgoing.js';
import type { Batch } from '../routing/batch.js';
import type { BesideWriter, CountingWebSocket } from './counting-web-socket.js';
import type { Lane } from './lane.js';
import { none, withOne } from './spare.js';
import { handleOf, writeTo, type TcpHandle, type Writer } from './tcp-handle.js';

/**
 * How much may be on its way before the client is asked whether it reads, in bytes. The kernel takes megabytes for a
 * client that reads nothing: copying them, and freeing them, takes time from the others, and its memory is counted
 * nowhere. So a ping goes out after so much, and what comes after as much again is held here until it is answered. Every
 * answer doubles it. From 1 MiB on, 500 clients that stop reading kept the others waiting for seconds.
 */
const firstPaceBytes = 64 << 10;
const mostPaceBytes = 4 << 20;
/** How much of what was held is written at a time. */
const releaseBytes = 256 << 10;

const pieces = new Pieces(firstPaceBytes);

/** Where a socket's writer is found: listeners of its own for each socket would take half a kilobyte. */
const writer = Symbol('writer');
type Carrier = Socket & { [writer]?: ByteSocket };

function onDrain(this: Carrier): void {
  this[writer]?.release();
}
function onClose(this: Carrier): void {
  this[writer]?.closed();
}

/**
 * Holds what does not fit itself, not in the socket: a socket that is destroyed makes an error with a stack for every
 * buffer that waits in it, which takes seconds with hundreds of slow clients.
 */
export class ByteSocket implements Writer, BesideWriter {
  /** Whether frames may follow: no close frame has gone out, and the socket is there. */
  open = true;
  /** Null where only the stream can be written to. */
  readonly handle: TcpHandle | null;
  /** Where it is written to with others, and its place there. */
  lane: Pick<Lane<never>, 'written' | 'remove' | 'expect'> | null = null;
  place = 0;
  /** Something of ours may still be in the socket's stream: what follows has to go after it. */
  private streamed = false;
  /** Bytes that libuv waits with for the kernel. */
  private waitingBytes = 0;
  private held: readonly Buffer[] = none;
  private heldBytes = 0;
  /** A write did not fit, or is held; whether that is over is asked only then: asking costs as much as writing. */
  private full = false;
  /** Bytes written since the client last showed that it reads, less what the lane had written by then. */
  private unprovenHere = 0;
  private pace = firstPaceBytes;
  /** What the ping that is under way says, and how much was written before it. */
  private asked: { readonly word: Buffer; readonly bytes: number } | null = null;
  private waiting: readonly (() => void)[] = none;

  /** @param ws asks: its pings are answered by whatever reads, with no code of the client's */
  constructor(
    private readonly socket: Socket,
    private readonly ws: CountingWebSocket,
  ) {
    this.handle = handleOf(socket);
    this.open = ws.readyState === ws.OPEN;
    ws.writtenBy(this);
    const carrier = socket as Carrier;
    const before = carrier[writer];
    carrier[writer] = this;
    if (!before) {
      socket.on('drain', onDrain).on('close', onClose);
      return;
    }
    // A client that has left the namespace, and come again on the same connection.
    before.flush();
    this.streamed = this.streaming;
  }

  closing(): void {
    this.open = false;
    this.leave();
  }

  closed(): void {
    this.open = false;
    this.leave();
    this.drop();
  }

  /**
   * Whole frames. The caller knows that the connection is open; a socket that has gone meanwhile takes them and forgets them.
   * What is more than one pace goes out piece by piece: of a large write nobody would see how far the client has come.
   */
  write(frames: Buffer): void {
    if (frames.length > firstPaceBytes && this.unproven + frames.length > this.pace) {
      for (const piece of pieces.of(frames)) this.writeOrHold(piece);
    } else {
      this.writeOrHold(frames);
    }
  }

  /** A batch of live events. What the kernel does not take keeps the memory it is in; nothing as short as that is held. */
  writeBatch(batch: Batch, framing: Framing): void {
    this.write(this.plain ? batch.framesInPassing(framing) : batch.frames(framing));
  }

  private writeOrHold(bytes: Buffer): void {
    if (this.full && this.behind) this.hold(bytes);
    else this.put(bytes);
  }

  private hold(bytes: Buffer): void {
    if (!this.open) return;
    this.held = withOne(this.held, bytes);
    this.heldBytes += bytes.length;
  }

  private put(bytes: Buffer): void {
    if (this.handle === null || (this.streamed && this.streaming)) {
      this.stream(bytes);
    } else {
      const outcome = writeTo(this.handle, bytes, this);
      if (outcome !== 'done') this.unfinished(bytes, outcome);
    }
    this.count(bytes);
  }

  private count({ length }: Buffer): void {
    this.unprovenHere += length;
    this.mindIfMuch();
    this.lane?.expect(this);
  }

  private get unproven(): number {
    return this.unprovenHere + (this.lane?.written ?? 0);
  }

  /** How much more may be written before there is something to mind, in bytes. */
  get allowance(): number {
    return (this.asked ? 2 * this.pace : this.pace) - this.unproven;
  }

  /** Asks the client whether it reads, if so much is on its way that it has to be asked. */
  mindIfMuch(): void {
    if (this.unproven >= this.pace) this.mind();
  }

  /** Whether the kernel can be given what comes with nothing else to see to. */
  get plain(): boolean {
    return this.open && this.handle !== null && !this.behind && !(this.streamed && this.streaming);
  }

  /** What is due to everyone is written by the lane, as long as it is plain. */
  takeTo(lane: NonNullable<ByteSocket['lane']>, place: number): void {
    this.lane = lane;
    this.place = place;
    this.unprovenHere -= lane.written;
  }

  /** It is written to by itself from now on. */
  leave(): void {
    const { lane } = this;
    if (!lane) return;
    this.unprovenHere += lane.written;
    this.lane = null;
    lane.remove(this.place);
  }

  private get streaming(): boolean {
    return (this.streamed = this.socket.writableLength > 0);
  }

  private stream(bytes: Buffer): void {
    if (!this.socket.write(bytes)) this.full = true;
    this.streamed = true;
    this.leave();
  }

  /** What becomes of a write that the kernel has not taken. */
  unfinished(bytes: Buffer, outcome: 'waits' | 'stream' | Error): void {
    this.leave();
    keepPassing();
    if (outcome === 'stream') return this.stream(bytes);
    if (outcome instanceof Error) {
      this.open = false;
      // Ended meanwhile, by whoever closed it.
      if (this.ws.readyState === this.ws.OPEN) this.socket.destroy(outcome);
      return;
    }
    this.full = true;
    this.waitingBytes += bytes.length;
  }

  written(bytes: number, error: Error | null): void {
    this.waitingBytes -= bytes;
    if (error) this.socket.destroy(error);
    else this.release();
  }

  private mind(): void {
    if (!this.asked && this.ws.readyState === this.ws.OPEN) {
      // Not to be guessed: who answers without reading would fill the kernel's buffers after all.
      const word = randomBytes(4);
      this.asked = { word, bytes: this.unproven };
      this.ws.ping(word);
    }
    if (!this.shut) return;
    this.full = true;
    this.leave();
  }

  /** Whether so much is on its way that more has to wait for an answer. */
  private get shut(): boolean {
    return this.asked !== null && this.unproven >= 2 * this.pace;
  }

  answered(word: Buffer): void {
    if (!this.asked?.word.equals(word)) return;
    this.unprovenHere -= this.asked.bytes;
    this.asked = null;
    this.pace = Math.min(2 * this.pace, mostPaceBytes);
    this.mindIfMuch();
    this.release();
  }

  /** Writes what is held as far as it may go; the rest goes after it has drained. */
  release(): void {
    if (this.held.length > 0 && !this.shut && !this.stuck) {
      let next = 0;
      this.socket.cork();
      for (let written = 0; next < this.held.length && written < releaseBytes && !this.shut; next++) {
        const bytes = this.held[next] as Buffer;
        written += bytes.length;
        this.stream(bytes);
        this.count(bytes);
      }
      this.socket.uncork();
      for (const bytes of this.held.slice(0, next)) this.heldBytes -= bytes.length;
      this.held = this.held.slice(next);
    }
    if (!this.behind) this.wake();
  }

  /** Writes all that is held, for something else is to be written after it. */
  flush(): void {
    const { held } = this;
    this.drop();
    for (const bytes of held) this.put(bytes);
  }

  /** Forgets what is held but the last of it, which says why: nobody is going to read the rest. */
  abandon(): void {
    const last = this.held.at(-1);
    this.drop();
    if (last) this.put(last);
  }

  private drop(): void {
    this.held = none;
    this.heldBytes = 0;
    this.wake();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = none;
    for (const resolve of waiting) resolve();
  }

  /** Whether the client has not taken what was written last; only then is it worth counting. */
  get behind(): boolean {
    return this.full && (this.full = this.held.length > 0 || this.shut || this.stuck);
  }

  private get stuck(): boolean {
    return this.waitingBytes > 0 || this.socket.writableNeedDrain;
  }

  get unsent(): number {
    // Asked of every connection between two pages of a backlog.
    if (!this.full && !this.streamed) return 0;
    // What waits below the stream is taken piece by piece, and told when all of it is.
    const waiting = this.waitingBytes > 0 ? Math.min(this.waitingBytes, this.handle?.writeQueueSize ?? 0) : 0;
    return this.socket.writableLength + waiting + this.heldBytes;
  }

  drained(): Promise<void> {
    if (!this.behind || this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => (this.waiting = withOne(this.waiting, resolve)));
  }
}
