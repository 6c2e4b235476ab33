/** Writing shared buffers to a TCP socket, and knowing what the client has not taken. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/**
 * How much may be on its way before the client is asked whether it reads, in bytes. The kernel takes megabytes for a
 * client that reads nothing: copying them takes time from the others, and its memory is counted nowhere. So a ping goes
 * out after so much, and what comes after as much again is held here until it is answered. Every answer doubles it.
 */
const firstPaceBytes = 1 << 20;
const mostPaceBytes = 4 << 20;
/** How much of what was held is written at a time. */
const releaseBytes = 256 << 10;

/**
 * Holds what does not fit itself, not in the socket: a socket that is destroyed makes an error with a stack for every
 * buffer that waits in it, which takes seconds with hundreds of slow clients.
 */
export class ByteSocket {
  private held: Buffer[] = [];
  private heldBytes = 0;
  /** A write did not fit, or is held; whether that is over is asked only then: asking costs as much as writing. */
  private full = false;
  /** Bytes written since the client last showed that it reads. */
  private unproven = 0;
  private pace = firstPaceBytes;
  /** What the ping that is under way says, and how much was written before it. */
  private asked: { readonly word: Buffer; readonly bytes: number } | null = null;
  private waiting: (() => void)[] = [];

  /** @param ws asks: its pings are answered by whatever reads, with no code of the client's */
  constructor(
    private readonly socket: Socket,
    private readonly ws: WebSocket,
  ) {
    ws.on('pong', (word: Buffer) => this.answered(word));
    socket.on('drain', () => this.release());
    socket.once('close', () => this.drop());
  }

  /** The caller knows that the connection is open; a socket that has gone meanwhile tells its own error handler. */
  write(bytes: Buffer): void {
    if (this.full && this.behind) {
      this.held.push(bytes);
      this.heldBytes += bytes.length;
    } else {
      this.put(bytes);
    }
  }

  private put(bytes: Buffer): void {
    if (!this.socket.write(bytes)) this.full = true;
    this.unproven += bytes.length;
    if (this.unproven >= this.pace) this.mind();
  }

  private mind(): void {
    if (!this.asked && this.ws.readyState === this.ws.OPEN) {
      // Not to be guessed: who answers without reading would fill the kernel's buffers after all.
      const word = randomBytes(4);
      this.asked = { word, bytes: this.unproven };
      this.ws.ping(word);
    }
    if (this.closed) this.full = true;
  }

  /** Whether so much is on its way that more has to wait for an answer. */
  private get closed(): boolean {
    return this.asked !== null && this.unproven >= 2 * this.pace;
  }

  private answered(word: Buffer): void {
    if (!this.asked?.word.equals(word)) return;
    this.unproven -= this.asked.bytes;
    this.asked = null;
    this.pace = Math.min(2 * this.pace, mostPaceBytes);
    if (this.unproven >= this.pace) this.mind();
    this.release();
  }

  /** Writes what is held as far as it may go; the rest goes after it has drained. */
  private release(): void {
    if (this.held.length > 0 && !this.closed && !this.socket.writableNeedDrain) {
      let next = 0;
      this.socket.cork();
      for (let written = 0; next < this.held.length && written < releaseBytes && !this.closed; next++) {
        const bytes = this.held[next] as Buffer;
        written += bytes.length;
        this.put(bytes);
      }
      this.socket.uncork();
      for (const bytes of this.held.splice(0, next)) this.heldBytes -= bytes.length;
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
    this.held = [];
    this.heldBytes = 0;
    this.wake();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Whether the client has not taken what was written last; only then is it worth counting. */
  get behind(): boolean {
    return this.full && (this.full = this.held.length > 0 || this.closed || this.socket.writableNeedDrain);
  }

  get unsent(): number {
    return this.socket.writableLength + this.heldBytes;
  }

  drained(): Promise<void> {
    if (!this.behind || this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
