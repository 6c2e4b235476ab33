/** A Socket.IO client's events: read, limited, carried out, acknowledged. */
import type { Socket } from 'socket.io';
import { closeCodeOf, closeCodes, type ErrorCode } from '../errors.js';
import { clientMessageTypes, parseMessage, type Parsed } from '../protocol/client-message.js';
import { errorData } from '../protocol/error-message.js';
import { Outgoing } from '../protocol/outgoing.js';
import type { Connection } from './connection.js';
import { InOrder } from './in-order.js';
import { MessageRate, type RateOptions } from './rate.js';
import type { Requests } from './requests.js';

export interface SocketIoOptions extends RateOptions {
  readonly requests: Requests;
  readonly onError: (error: unknown) => void;
  readonly onRateLimited: () => void;
  readonly onPing: () => void;
}

type Acknowledge = (
  answer: { ok: true } | { ok: false; error: { message: string; code: ErrorCode } },
) => void;

export function openSocketIo(
  socket: Socket,
  connection: Connection,
  admitted: Promise<void>,
  options: SocketIoOptions,
): void {
  let first: Promise<void> | null = admitted;
  // Most connections listen and say nothing: these are made for those that do.
  let rate: MessageRate | undefined;
  let requests: InOrder | undefined;
  void admitted.then(() => (first = null));

  socket.use(([name, ...args]: unknown[], next) => {
    // Every event is counted here, and answered here unless the embedding program listens for it.
    if (connection.closed) return;
    const last = args.at(-1);
    const acknowledge = typeof last === 'function' ? (args.pop() as Acknowledge) : undefined;
    rate ??= new MessageRate(options);
    const verdict = rate.take(requests?.full);
    if (verdict !== 'ok') {
      options.onRateLimited();
      if (verdict === 'tell') tell(connection, 'RATE_LIMITED', acknowledge);
      if (verdict === 'close') connection.wire.close(closeCodes.TOO_MANY, 'RATE_LIMITED');
      return;
    }
    if (typeof name === 'string' && isForListener(socket, name, options.requests.customNames)) return next();
    const parsed = parseMessage(
      typeof name === 'string' ? name : '',
      args[0],
      {},
      options.requests.customNames,
    );
    const run = () => answer(connection, parsed, acknowledge, options);
    if (parsed.ok && parsed.message.type === 'ping' && !first) run().catch(options.onError);
    else (requests ??= new InOrder(first, options.messageBurst, options.onError)).run(run);
  });
}

/** A stock listener of the embedding program's; the protocol's own messages are never handed on. */
function isForListener(socket: Socket, name: string, custom: ReadonlySet<string>): boolean {
  const own = (clientMessageTypes as readonly string[]).includes(name) || custom.has(name);
  return !own && name !== 'error' && socket.listenerCount(name) > 0;
}

async function answer(
  connection: Connection,
  parsed: Parsed,
  acknowledge: Acknowledge | undefined,
  options: SocketIoOptions,
): Promise<void> {
  if (connection.closed) return;
  // An acknowledgement goes past `send`.
  if (connection.wire.tooSlow()) return connection.fail('SLOW_CONSUMER');
  if (!parsed.ok) return tell(connection, parsed.code, acknowledge);
  const { message } = parsed;
  if (message.type === 'ping') {
    options.onPing();
    const timestamp = new Date().toISOString();
    if (acknowledge) acknowledge(Object.assign({ ok: true as const }, { timestamp }));
    else connection.send(new Outgoing('pong', JSON.stringify({ timestamp })));
    return;
  }
  const outcome = await options.requests.run(connection, message);
  if (outcome.error !== null) tell(connection, outcome.error, acknowledge);
  else acknowledge?.({ ...outcome.result, ok: true });
}

/** By the acknowledgement if there is one, else by an event; then the close that belongs to the error. */
function tell(connection: Connection, code: ErrorCode, acknowledge: Acknowledge | undefined): void {
  if (!acknowledge) return connection.fail(code);
  connection.onError(code);
  acknowledge({ ok: false, error: errorData(code) });
  const closeCode = closeCodeOf[code];
  if (closeCode !== undefined) connection.wire.close(closeCode, code);
}
