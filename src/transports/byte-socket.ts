/** Writing shared buffers to a TCP socket, and knowing what the client has not taken. */
import type { Socket } from 'node:net';

/** Bytes not handed to the kernel yet, and the wait for them. */
export class ByteSocket {
  constructor(private readonly socket: Socket) {}

  write(bytes: Buffer): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** Whether the last write did not fit; only then is it worth counting. */
  get behind(): boolean {
    return this.socket.writableNeedDrain;
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
