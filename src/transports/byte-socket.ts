/** Writing shared buffers to a TCP socket, and knowing what the client has not taken. */
import type { Socket } from 'node:net';

/** Bytes not handed to the kernel yet, and the wait for them. */
export class ByteSocket {
  /** A write did not fit; whether it has drained since is asked only then: asking costs as much as writing. */
  private full = false;

  constructor(private readonly socket: Socket) {}

  /** The caller knows that the connection is open; a socket that has gone meanwhile tells its own error handler. */
  write(bytes: Buffer): void {
    if (!this.socket.write(bytes)) this.full = true;
  }

  /** Whether the last write did not fit; only then is it worth counting. */
  get behind(): boolean {
    return this.full && (this.full = this.socket.writableNeedDrain);
  }

  get unsent(): number {
    return this.socket.writableLength;
  }

  drained(): Promise<void> {
    const { socket } = this;
    if (!socket.writableNeedDrain || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        socket.off('drain', done);
        socket.off('close', done);
        resolve();
      };
      socket.once('drain', done);
      socket.once('close', done);
    });
  }
}
