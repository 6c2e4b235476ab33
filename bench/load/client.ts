/**
 * One websocket client of the load generator: a bare TCP socket with just enough of the protocol to be let in, so
 * that the generator costs less than what it measures.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Protocol } from './messages.js';

/** Shorter ones are greetings and heartbeats; events of the benchmark are longer. */
const eventBytes = 300;
/** Enough of an event to find its `timestamp` in. */
const headBytes = 400;

export interface ClientOptions {
  readonly protocol: Protocol;
  readonly token: string;
  /** A stock server does not greet: its answer to CONNECT is all there is. */
  readonly stock: boolean;
  readonly onReady: () => void;
  /** Event frames that have arrived at once. */
  readonly onFrames: (client: Client, count: number) => void;
  /** Gets the start of every event's text, where somebody wants it. */
  readonly onEvent?: (text: string) => void;
}

export class Client {
  /** Event frames since the benchmark last began to count. */
  frames = 0;
  private rest: Buffer = Buffer.alloc(0);
  private skip = 0;
  private upgraded = false;
  private greeted = false;

  constructor(
    private readonly socket: Socket,
    private readonly options: ClientOptions,
  ) {
    const path =
      options.protocol === 'raw' ? `/?token=${options.token}` : '/socket.io/?EIO=4&transport=websocket';
    const key = randomBytes(16).toString('base64');
    socket.setNoDelay(true);
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
  }

  /** Takes what has been read; the bytes are somebody else's again afterwards. */
  take(bytes: Buffer): void {
    if (!this.upgraded) return this.upgrade(bytes);
    let at = 0;
    if (this.skip > 0) {
      at = Math.min(this.skip, bytes.length);
      this.skip -= at;
      if (this.skip > 0) return;
    }
    if (this.rest.length > 0) {
      bytes = Buffer.concat([this.rest, bytes.subarray(at)]);
      this.rest = Buffer.alloc(0);
      at = 0;
    }
    const { onEvent } = this.options;
    let events = 0;
    while (at + 2 <= bytes.length) {
      let header = 2;
      let length = (bytes[at + 1] ?? 0) & 127;
      if (length === 126) {
        if (at + 4 > bytes.length) break;
        header = 4;
        length = bytes.readUInt16BE(at + 2);
      } else if (length === 127) {
        if (at + 10 > bytes.length) break;
        header = 10;
        length = bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6);
      }
      const end = at + header + length;
      if (length >= eventBytes && this.greeted) {
        if (onEvent) {
          if (end > bytes.length) break;
          onEvent(bytes.toString('latin1', at + header, Math.min(end, at + header + headBytes)));
        }
        // Counted by its header: the body is never looked at.
        events++;
        if (end > bytes.length) {
          this.skip = end - bytes.length;
          at = bytes.length;
          break;
        }
      } else {
        if (end > bytes.length) break;
        this.small((bytes[at] ?? 0) & 15, bytes.subarray(at + header, end));
      }
      at = end;
    }
    if (at < bytes.length) this.rest = Buffer.from(bytes.subarray(at));
    if (events > 0) this.options.onFrames(this, events);
  }

  private upgrade(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    const end = this.rest.indexOf('\r\n\r\n');
    if (end < 0) return;
    const { rest } = this;
    if (rest.toString('latin1', 0, 12) !== 'HTTP/1.1 101') throw new Error(rest.toString().slice(0, 200));
    this.upgraded = true;
    this.rest = Buffer.alloc(0);
    this.take(rest.subarray(end + 4));
  }

  private small(opcode: number, payload: Buffer): void {
    const { protocol, token, stock, onReady } = this.options;
    // The pong says what the ping said: the server goes by it.
    if (opcode === 9) return this.send(10, payload);
    const text = payload.toString();
    if (protocol === 'socketio') {
      if (text === '2') return this.send(1, '3');
      if (text.startsWith('0{')) return this.send(1, `40{"token":"${token}"}`);
    }
    if (!text.includes('"connected"') && !(stock && text.startsWith('40'))) return;
    if (!this.greeted) onReady();
    this.greeted = true;
  }

  private send(opcode: number, content: string | Buffer): void {
    const body = typeof content === 'string' ? Buffer.from(content) : content;
    const head = body.length < 126 ? Buffer.from([128 | opcode, 128 | body.length]) : Buffer.alloc(4);
    if (body.length >= 126) {
      head[0] = 128 | opcode;
      head[1] = 128 | 126;
      head.writeUInt16BE(body.length, 2);
    }
    // Masked with zeros: valid, and free.
    this.socket.write(Buffer.concat([head, Buffer.alloc(4), body]));
  }
}
