/**
 * Sockets that take the same bytes with nothing asked of each. What is due to everyone goes down a lane: what is looked at
 * for a delivery is the handle alone, one after the other in an array, for everything else of a connection has left the
 * processor's cache since the event before.
 *
 * So nothing is counted for each either. A lane counts for all of them, and knows when the first of them has been written so much
 * that it has to be asked whether it reads. Whoever is not as it was when it came has left by then, by itself.
 */
import type { ByteSocket } from './byte-socket.js';
import { writeTo, type TcpHandle } from './tcp-handle.js';

/** What is longer is no matter of the time that a look takes. */
const mostBytes = 64 << 10;

/** @typeParam Rider what the caller knows a socket by */
export class Lane<Rider> {
  /** Bytes that have been written to each socket since there is this lane. */
  written = 0;
  private readonly handles: TcpHandle[] = [];
  private readonly sockets: ByteSocket[] = [];
  private readonly riders: Rider[] = [];
  /** When so much is written, a socket may have to be asked. */
  private askAt = Number.POSITIVE_INFINITY;

  /**
   * @param onLeave it is written to by its caller from now on
   * @param onBroken writing to it threw
   */
  constructor(
    private readonly onLeave: (rider: Rider) => void,
    private readonly onBroken: (rider: Rider, error: unknown) => void,
  ) {}

  get size(): number {
    return this.handles.length;
  }

  /** @param socket a plain one */
  add(socket: ByteSocket, rider: Rider): void {
    const { handle } = socket;
    if (handle === null)
      throw new Error('only a socket whose handle is known can be written to without its stream');
    socket.takeTo(this, this.handles.length);
    this.handles.push(handle);
    this.sockets.push(socket);
    this.riders.push(rider);
    this.expect(socket);
  }

  /** Called by the socket alone; the last one takes its place. */
  remove(place: number): void {
    const handle = this.handles.pop();
    const socket = this.sockets.pop();
    const last = this.riders.pop() as Rider;
    const left = place === this.handles.length ? last : this.riders[place];
    if (handle && socket && place < this.handles.length) {
      this.handles[place] = handle;
      this.sockets[place] = socket;
      this.riders[place] = last;
      socket.place = place;
    }
    this.onLeave(left as Rider);
  }

  /** It has been written to by itself, so it has to be asked sooner. */
  expect(socket: ByteSocket): void {
    this.askAt = Math.min(this.askAt, this.written + socket.allowance);
  }

  /** Whole frames, to all of them. */
  write(frames: Buffer): void {
    const { handles, sockets } = this;
    if (frames.length > mostBytes) return this.writeLong(frames);
    const unfinished: [ByteSocket, 'waits' | 'stream' | Error][] = [];
    const broken: [Rider, unknown][] = [];
    // Nobody leaves meanwhile: whatever a write does to its socket is told later, and what it came to is seen to below.
    for (let place = 0; place < handles.length; place++) {
      const socket = sockets[place] as ByteSocket;
      try {
        const outcome = writeTo(handles[place] as TcpHandle, frames, socket);
        if (outcome !== 'done') unfinished.push([socket, outcome]);
      } catch (error) {
        broken.push([this.riders[place] as Rider, error]);
      }
    }
    this.written += frames.length;
    for (const [socket, outcome] of unfinished) socket.unfinished(frames, outcome);
    for (const [rider, error] of broken) this.onBroken(rider, error);
    if (this.written >= this.askAt) this.ask();
  }

  /** What goes out in pieces, as far as each of them reads. */
  private writeLong(frames: Buffer): void {
    const { riders } = this;
    // Who is behind leaves, and the last takes its place.
    for (const [socket, rider] of this.sockets.map(
      (each, place) => [each, riders[place] as Rider] as const,
    )) {
      try {
        socket.write(frames);
      } catch (error) {
        this.onBroken(rider, error);
      }
    }
  }

  private ask(): void {
    this.askAt = Number.POSITIVE_INFINITY;
    // Who does not read leaves.
    for (const socket of [...this.sockets]) {
      socket.mindIfMuch();
      if (socket.lane === this) this.expect(socket);
    }
  }
}
