/**
 * A raw WebSocket in the shape of an engine.io connection, so that Socket.IO makes a real socket of it: rooms,
 * middlewares and the server API then hold for raw clients too. It speaks the documented dialect outside and
 * Socket.IO packets inside.
 */
import { EventEmitter } from 'node:events';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { RawData } from 'ws';
import { closeCodeOf, closeCodes, errorMessages, type ErrorCode } from '../errors.js';
import { errorMessage } from '../protocol/error-message.js';
import { Outgoing } from '../protocol/outgoing.js';
import type { CountingWebSocket, Hearer } from './counting-web-socket.js';
import type { MessageRate } from './rate.js';
import type { RawWire } from './raw-wire.js';
import { none, withOne } from './spare.js';

/** What is kept for a client whose token is being checked: it has little to say before it is let in. */
const maxEarly = 64;
const maxEarlyBytes = 64 << 10;

/** What engine.io has one of for each connection. */
const writable = Object.freeze({ name: 'websocket', writable: true });
const gone = Object.freeze({ name: 'websocket', writable: false });

const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(errorMessages, code);

/** Takes a client's messages. */
export interface RawReader {
  read(data: RawData, isBinary: boolean): void;
}

/** Whom an engine tells; the same for all of them. */
export interface RawEngineObserver {
  onClose(engine: RawEngine, code: number): void;
  /** `told`: by a message of its own. */
  onRateLimited(told: boolean): void;
}

export class RawEngine extends EventEmitter implements Hearer {
  readonly id = randomBytes(15).toString('base64url');
  readonly protocol = 4;
  transport: { readonly name: string; readonly writable: boolean } = writable;
  /** Always empty. */
  readonly writeBuffer = none;
  readyState: 'open' | 'closed' = 'open';
  /** When a message or a pong came last, and when it was pinged, by `performance.now()`; see `Keeper`. */
  heardAt = performance.now();
  pingedAt = Number.NEGATIVE_INFINITY;
  private early: readonly (readonly [RawData, boolean])[] = none;
  private earlyBytes = 0;
  private reader: RawReader | undefined;

  /**
   * @param since the cursor to resume from, as the client gave it
   * @param rate counts messages, pings and pongs, from the first byte to the last
   */
  constructor(
    readonly ws: CountingWebSocket,
    readonly request: IncomingMessage,
    readonly remoteAddress: string,
    readonly wire: RawWire,
    readonly since: string | undefined,
    readonly rate: MessageRate,
    private readonly observer: RawEngineObserver,
  ) {
    super();
    ws.heardBy(this);
  }

  message(data: RawData, isBinary: boolean): void {
    this.heardAt = performance.now();
    if (this.ws.readyState !== this.ws.OPEN) return;
    if (this.reader) this.reader.read(data, isBinary);
    else this.keep(data, isBinary);
  }

  ping(data: Buffer): void {
    // A client that does not read gets no pongs: they would pile up here.
    this.control(() => !this.wire.behind && this.ws.pong(data));
  }

  pong(asked: boolean): void {
    this.heardAt = performance.now();
    if (!asked) this.control();
  }

  closed(code: number): void {
    this.end('transport close');
    this.observer.onClose(this, code);
  }

  private keep(data: RawData, isBinary: boolean): void {
    const bytes = Array.isArray(data) ? 0 : data.byteLength;
    if (this.early.length < maxEarly && (this.earlyBytes === 0 || this.earlyBytes + bytes <= maxEarlyBytes)) {
      this.early = withOne(this.early, [data, isBinary] as const);
      this.earlyBytes += bytes;
      return;
    }
    this.early = none;
    this.observer.onRateLimited(true);
    this.wire.write(errorMessage('RATE_LIMITED'));
    this.wire.close(closeCodes.TOO_MANY, 'RATE_LIMITED');
  }

  /** Counts a frame without a message, and takes it if there are not too many. */
  private control(take: () => void = () => undefined): void {
    if (this.ws.readyState !== this.ws.OPEN) return;
    const verdict = this.rate.take();
    if (verdict === 'ok') return take();
    this.observer.onRateLimited(verdict === 'tell');
    if (verdict === 'tell') this.wire.write(errorMessage('RATE_LIMITED'));
    if (verdict === 'close') this.wire.close(closeCodes.TOO_MANY, 'RATE_LIMITED');
  }

  /** Asks Socket.IO to let it into the default namespace, as a Socket.IO client does. */
  connect(): void {
    this.emit('data', '0{}');
  }

  /** Hands over the client's messages, those that came before first. */
  readBy(reader: RawReader): void {
    this.reader = reader;
    const { early } = this;
    this.early = none;
    for (const [data, isBinary] of early) reader.read(data, isBinary);
  }

  /** Called by Socket.IO with an encoded packet; binary attachments have no raw form. */
  write(packet: unknown): this {
    if (typeof packet === 'string') this.receive(packet);
    return this;
  }

  send(packet: unknown): this {
    return this.write(packet);
  }

  close(): void {
    if (this.ws.readyState === this.ws.OPEN) this.ws.close(1000, 'closed by the server');
    this.end('forced close');
  }

  private receive(packet: string): void {
    const body = packet.slice(1);
    // "0" tells the client its session id, "3" answers what a raw client cannot ask: neither has a raw form.
    if (packet.startsWith('2')) this.event(body);
    else if (packet.startsWith('4')) this.refuse(body);
    // A disconnect of the server's.
    else if (packet.startsWith('1')) this.close();
  }

  /** What the server API emits: `["name", firstArgument, …]`, with an acknowledgement's number before it perhaps. */
  private event(body: string): void {
    const start = body.indexOf('[');
    const value: unknown = JSON.parse(start >= 0 ? body.slice(start) : '[]');
    if (!Array.isArray(value) || typeof value[0] !== 'string') return;
    const [name, first] = value as [string, unknown];
    this.wire.write(new Outgoing(name, JSON.stringify(first ?? null)));
  }

  private refuse(body: string): void {
    const error: unknown = JSON.parse(body.slice(Math.max(0, body.indexOf('{'))));
    const data = typeof error === 'object' && error !== null && 'data' in error ? error.data : undefined;
    const named = typeof data === 'object' && data !== null && 'code' in data ? data.code : undefined;
    const code = isErrorCode(named) ? named : 'INTERNAL_ERROR';
    this.ws.send(JSON.stringify({ type: 'error', data: { message: errorMessages[code], code } }));
    this.ws.close(closeCodeOf[code] ?? closeCodes.INTERNAL, code);
    this.end('forced close');
  }

  private end(reason: string): void {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    this.transport = gone;
    this.emit('close', reason);
  }
}
