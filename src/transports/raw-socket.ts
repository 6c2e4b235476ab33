/** A raw client's messages: read, limited, carried out, answered. */
import type { RawData } from 'ws';
import { closeCodes } from '../errors.js';
import { parseFrame, type Parsed, type RequestId } from '../protocol/client-message.js';
import { Outgoing } from '../protocol/outgoing.js';
import type { Connection } from './connection.js';
import type { RawEngine } from './raw-engine.js';
import { InOrder } from './in-order.js';
import type { RateOptions } from './rate.js';
import type { Requests } from './requests.js';

export interface RawSocketOptions extends RateOptions {
  readonly requests: Requests;
  readonly onError: (error: unknown) => void;
  readonly onRateLimited: () => void;
  readonly onPing: () => void;
}

/** Takes messages from now on; those that came before are kept by `raw` and handed over. */
export function openRaw(
  raw: RawEngine,
  connection: Connection,
  admitted: Promise<void>,
  options: RawSocketOptions,
): void {
  // Most connections listen and say nothing: it is made for those that do.
  let requests: InOrder | undefined;
  let greeted = false;
  void admitted.then(() => (greeted = true));

  raw.onMessage((data, isBinary) => {
    if (connection.closed) return;
    const verdict = raw.rate.take(requests?.full);
    if (verdict !== 'ok') {
      options.onRateLimited();
      if (verdict === 'tell') connection.fail('RATE_LIMITED');
      if (verdict === 'close') connection.wire.close(closeCodes.TOO_MANY, 'RATE_LIMITED');
      return;
    }
    const parsed: Parsed = isBinary
      ? { ok: false, code: 'INVALID_MESSAGE' }
      : parseFrame(textOf(data), options.requests.customNames);
    if (parsed.ok && parsed.message.type === 'ping' && greeted) {
      options.onPing();
      return connection.send(pong(parsed.message.id));
    }
    requests ??= new InOrder(admitted, options.messageBurst, options.onError);
    requests.run(() => answer(connection, parsed, options));
  });
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
