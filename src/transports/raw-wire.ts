/** Bytes to a raw WebSocket client. */
import type { Socket } from 'node:net';
import { closeCodes } from '../errors.js';
import { deflated, type Form, type Framing, type Outgoing } from '../protocol/outgoing.js';
import type { Batch } from '../routing/batch.js';
import { ByteSocket } from './byte-socket.js';
import type { Wire } from './connection.js';
import type { CountingWebSocket } from './counting-web-socket.js';
import { deflates } from './web-socket-server.js';

/** How long somebody who floods us or does not read may take to answer a close, in milliseconds. */
const cutOffMs = 1000;

export class RawWire implements Wire {
  readonly transport = 'websocket';
  form: Form = 'raw';
  private readonly bytes: ByteSocket;
  private readonly deflates: boolean;

  constructor(
    private readonly ws: CountingWebSocket,
    socket: Socket,
    private readonly maxUnsentBytes: number,
  ) {
    this.bytes = new ByteSocket(socket, ws);
    this.deflates = deflates(ws);
  }

  /** How live events are sent: what goes to this client alone is not worth compressing. */
  get framing(): Framing {
    return this.deflates ? deflated[this.form] : this.form;
  }

  plainSocket(): ByteSocket | null {
    return this.bytes.plain ? this.bytes : null;
  }

  alone(): void {
    this.bytes.leave();
  }

  private get open(): boolean {
    return this.bytes.open;
  }

  /** Whether the client has not taken what was written last. */
  get behind(): boolean {
    return this.bytes.behind && this.bytes.unsent > 0;
  }

  tooSlow(): boolean {
    return this.bytes.behind && this.bytes.unsent > this.maxUnsentBytes;
  }

  writeBatch(batch: Batch): boolean {
    if (!this.open) return true;
    // Counted before this batch: one big event is no slow client.
    if (this.tooSlow()) return false;
    this.bytes.writeBatch(batch, this.framing);
    return true;
  }

  writeReplay(batch: Batch): void {
    if (this.open) this.bytes.write(batch.frames(this.form));
  }

  write(message: Outgoing): void {
    // The ws library compresses nothing of ours, see `compression`: its frames and these go straight to the socket, in order.
    if (this.open) this.bytes.write(message.frame(this.form));
  }

  unsentBytes(): number {
    return this.bytes.unsent;
  }

  drained(): Promise<void> {
    return this.bytes.drained();
  }

  close(code: number, reason: string): void {
    this.alone();
    if (this.ws.readyState !== this.ws.OPEN) return;
    if (code === closeCodes.SLOW) this.bytes.abandon();
    else this.bytes.flush();
    this.ws.close(code, reason);
    if (code === closeCodes.TOO_MANY) this.ws.ignore();
    // A close frame waits behind what the client does not read, and its answer behind what it floods us with.
    if (this.bytes.behind || code === closeCodes.TOO_MANY) {
      setTimeout(() => this.ws.terminate(), cutOffMs).unref();
    }
  }
}
