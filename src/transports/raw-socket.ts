/** A raw client's messages: read, limited, carried out, answered. */
import type { RawData } from 'ws';
import { closeCodes } from '../errors.js';
import { parseFrame, type Parsed, type RequestId } from '../protocol/client-message.js';
import { Outgoing } from '../protocol/outgoing.js';
import type { Connection } from './connection.js';
import type { RawEngine, RawReader } from './raw-engine.js';
import { InOrder } from './in-order.js';
import type { RateOptions } from './rate.js';
import type { Requests } from './requests.js';

export interface RawSocketOptions extends RateOptions {
  readonly requests: Requests;
  readonly onError: (error: unknown) => void;
  readonly onRateLimited: () => void;
  readonly onPing: () => void;
}

export class RawSocket implements RawReader {
  /** Most connections listen and say nothing: it is made for those that do. */
  private requests: InOrder | undefined;
  /** What requests wait for; null once it is there, for it need not be kept. */
  private first: Promise<void> | null;

  /** Takes messages from now on; those that came before are kept by `raw` and handed over. */
  constructor(
    private readonly raw: RawEngine,
    private readonly connection: Connection,
    admitted: Promise<void>,
    private readonly options: RawSocketOptions,
  ) {
    this.first = admitted;
    void admitted.then(() => (this.first = null));
    raw.readBy(this);
  }

  read(data: RawData, isBinary: boolean): void {
    const { raw, connection, options } = this;
    if (connection.closed) return;
    const verdict = raw.rate.take(this.requests?.full);
    if (verdict !== 'ok') {
      options.onRateLimited();
      if (verdict === 'tell') connection.fail('RATE_LIMITED');
      if (verdict === 'close') connection.wire.close(closeCodes.TOO_MANY, 'RATE_LIMITED');
      return;
    }
    const parsed: Parsed = isBinary
      ? { ok: false, code: 'INVALID_MESSAGE' }
      : parseFrame(textOf(data), options.requests.customNames);
    if (parsed.ok && parsed.message.type === 'ping' && !this.first) {
      options.onPing();
      return connection.send(pong(parsed.message.id));
    }
    this.requests ??= new InOrder(this.first, options.messageBurst, options.onError);
    this.requests.run(() => answer(connection, parsed, options));
  }
}

async function answer(connection: Connection, parsed: Parsed, options: RawSocketOptions): Promise<void> {
  if (connection.closed) return;
  if (!parsed.ok) return connection.fail(parsed.code, parsed.id);
  const { message } = parsed;
  if (message.type === 'ping') {
    options.onPing();
    return connection.send(pong(message.id));
  }
  const outcome = await options.requests.run(connection, message);
  if (outcome.error !== null) return connection.fail(outcome.error, message.id);
  if (message.id !== undefined) {
    connection.send(new Outgoing('ack', JSON.stringify({ ...outcome.result, id: message.id })));
  }
}

const pong = (id?: RequestId) =>
  new Outgoing(
    'pong',
    JSON.stringify({ timestamp: new Date().toISOString(), ...(id !== undefined && { id }) }),
  );

function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString('utf8');
  return Array.isArray(data) ? Buffer.concat(data).toString('utf8') : Buffer.from(data).toString('utf8');
}
