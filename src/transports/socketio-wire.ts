/** Bytes to a Socket.IO client, by websocket or by polling. */
import { Socket as NetSocket } from 'node:net';
import type { Socket } from 'socket.io';
import type { Form, Framing, Outgoing } from '../protocol/outgoing.js';
import type { Batch } from '../routing/batch.js';
import { ByteSocket } from './byte-socket.js';
import type { Wire } from './connection.js';
import { CountingWebSocket } from './counting-web-socket.js';
import { closeCodes } from '../errors.js';
import { deflates } from './web-socket-server.js';

type EngineSocket = Socket['conn'];

/** Closes after which a client must not come back by itself: told by a disconnect packet. */
const final: readonly number[] = [closeCodes.UNAUTHORIZED, closeCodes.TOO_MANY];

/** How long somebody who floods us or does not read may take to answer a close, in milliseconds. */
const cutOffMs = 1000;

/** Where a connection's is found: two listeners for all of them, for each would be a function of its own. */
const wire = Symbol('wire');
type Carrier = EngineSocket & { [wire]?: SocketIoWire };

function onPacket(this: Carrier, { type, data }: { type?: string; data?: unknown }): void {
  this[wire]?.packet(type, data);
}
function onDrain(this: Carrier): void {
  this[wire]?.empty();
}

export class SocketIoWire implements Wire {
  readonly transport = 'socketio';
  form: Form = 'socketio';
  framing: Framing = 'socketio';
  /** Bytes given to engine.io since it last had nothing left. */
  private buffered = 0;
  private direct: ByteSocket | null = null;
  private directOf: unknown;
  /** Whether nothing of engine.io's was under way when it was last looked at, nor has been since. */
  private idle = false;

  constructor(
    private readonly socket: Socket,
    private readonly maxUnsentBytes: number,
  ) {
    const { engine } = this;
    const carrier = engine as Carrier;
    // A client may leave the namespace, and come again on the same connection.
    const before = carrier[wire];
    carrier[wire] = this;
    if (before) return;
    // Acknowledgements and answers of Socket.IO's own are counted here, too.
    engine.on('packetCreate', onPacket);
    engine.on('drain', onDrain);
  }

  /** engine.io writes a packet of its own, or one that it was given. */
  packet(type: unknown, data: unknown): void {
    this.idle = false;
    this.alone();
    if (typeof data === 'string') this.buffered += Buffer.byteLength(data);
    else if (Buffer.isBuffer(data)) this.buffered += data.length;
    // What engine.io writes itself goes after what it did not write. A heartbeat may overtake.
    if (type !== 'ping') this.direct?.flush();
  }

  /** engine.io has nothing left. */
  empty(): void {
    this.buffered = 0;
  }

  private get engine(): EngineSocket {
    return this.socket.conn;
  }

  /**
   * The TCP socket, when nothing of engine.io's is under way on it: a websocket transport sends each packet at
   * once, so shared frames written between two of its own keep the order. Otherwise null, and engine.io does it.
   */
  private bytes(): ByteSocket | null {
    if (this.idle) return this.direct;
    const { engine } = this;
    const { transport } = engine;
    // Writable means that engine.io's own buffer is empty, too.
    if (transport.name !== 'websocket' || engine.upgrading || !transport.writable) return null;
    if (this.directOf !== transport) {
      this.directOf = transport;
      this.direct = byteSocketOf(transport);
      this.framing = deflated(transport) ? 'socketio+deflate' : 'socketio';
    }
    // A websocket is the last transport there is: only a packet of engine.io's, or the end, changes that.
    this.idle = this.direct !== null;
    return this.direct;
  }

  /** The TCP socket, if it is there to be written to and the client is connected. */
  private get open(): boolean {
    return this.idle ? this.direct?.open === true : this.engine.readyState === 'open';
  }

  plainSocket(): ByteSocket | null {
    const bytes = this.open ? this.bytes() : null;
    return bytes?.plain ? bytes : null;
  }

  alone(): void {
    this.direct?.leave();
  }

  writeBatch(batch: Batch): boolean {
    if (!this.open) return true;
    const bytes = this.bytes();
    if (bytes) {
      if (bytes.behind && bytes.unsent > this.maxUnsentBytes) return false;
      bytes.writeBatch(batch, this.framing);
      return true;
    }
    if (this.buffered > this.maxUnsentBytes) return false;
    this.writeReplay(batch);
    return true;
  }

  writeReplay(batch: Batch): void {
    if (!this.open) return;
    const bytes = this.bytes();
    if (bytes) bytes.write(batch.frames(this.form));
    else for (const message of batch.messages()) this.viaEngine(message);
  }

  write(message: Outgoing): void {
    if (!this.open) return;
    const bytes = this.bytes();
    if (bytes) bytes.write(message.frame(this.form));
    else this.viaEngine(message);
  }

  private viaEngine(message: Outgoing): void {
    this.engine.write(message.text(this.form), { compress: false });
    for (const bytes of message.attachments) this.engine.write(bytes, { compress: false });
  }

  unsentBytes(): number {
    // engine.io may be waiting for the TCP socket: then both hold something.
    const direct = this.bytes() ?? (this.directOf === this.engine.transport ? this.direct : null);
    return this.buffered + (direct?.unsent ?? 0);
  }

  tooSlow(): boolean {
    return this.unsentBytes() > this.maxUnsentBytes;
  }

  drained(): Promise<void> {
    const { engine } = this;
    const bytes = this.bytes();
    if (bytes) return bytes.drained();
    if (this.buffered === 0 || engine.readyState !== 'open') return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        engine.off('drain', done);
        engine.off('close', done);
        resolve();
      };
      engine.once('drain', done);
      engine.once('close', done);
    });
  }

  close(code: number): void {
    const { transport } = this.engine;
    this.alone();
    if (code === closeCodes.SLOW) this.direct?.abandon();
    else this.direct?.flush();
    if (final.includes(code)) this.socket.disconnect(true);
    // Without a disconnect packet the client takes it for a lost connection: it comes back and recovers.
    else this.engine.close(code === closeCodes.SLOW);
    // A close frame waits behind what the client does not read, and its answer behind what it floods us with.
    if (code === closeCodes.SLOW || code === closeCodes.TOO_MANY) cutOff(transport);
    if (code === closeCodes.TOO_MANY) webSocketOf(transport)?.ignore();
  }
}

/** Of a websocket transport. */
function webSocketOf(transport: unknown): CountingWebSocket | null {
  const { socket: ws } = transport as { socket?: unknown };
  return ws instanceof CountingWebSocket ? ws : null;
}

function cutOff(transport: unknown): void {
  const ws = webSocketOf(transport);
  if (ws) setTimeout(() => ws.terminate(), cutOffMs).unref();
}

/** ws keeps its TCP socket to itself; when it is not where it has been for years, engine.io writes instead. */
function byteSocketOf(transport: unknown): ByteSocket | null {
  const ws = webSocketOf(transport);
  const { _socket: socket } = (ws ?? {}) as { _socket?: unknown };
  return ws && socket instanceof NetSocket ? new ByteSocket(socket, ws) : null;
}

function deflated(transport: unknown): boolean {
  const ws = webSocketOf(transport);
  return ws !== null && deflates(ws);
}
