/**
 * Watches a Socket.IO connection below Socket.IO: what comes in before anybody is authenticated, and what reaches
 * no event handler ever, such as pongs, acknowledgements nobody asked for and other namespaces.
 */
import type { Socket as EngineSocket } from 'engine.io';
import { CountingWebSocket } from './counting-web-socket.js';
import { MessageRate, type RateOptions } from './rate.js';

export interface EngineGuardOptions extends RateOptions {
  readonly onRateLimited: () => void;
  /** How long a client may take to ask to be let in; Socket.IO ends those who do not. */
  readonly authTimeoutMs: number;
  /** It never asked. */
  readonly onSilent: () => void;
}

/** The first characters of Socket.IO's packets. */
const connectPacket = '0';
const eventPacket = '2';
/** How many events over the limit are still handed on, and how long it may take until they are understood, in milliseconds. */
const fewMore = 32;
const tellMs = 1000;
/** A stock client asks once; each further namespace it tries is answered with its name. */
const maxConnectPackets = 10;

export function guardEngine(engine: EngineSocket, options: EngineGuardOptions): void {
  const rate = new MessageRate(options);
  let connects = 0;

  const over = () => {
    options.onRateLimited();
    engine.close(true);
    // Closing politely waits for a client that has just been found not to be polite.
    webSocketOf(engine.transport)?.terminate();
  };

  const events = new MessageRate(options);
  let beyond = 0;
  const flooded = () => {
    // By a few more, so that it is told and closed there.
    if (beyond++ !== fewMore) return;
    webSocketOf(engine.transport)?.ignore();
    setTimeout(() => engine.readyState === 'open' && over(), tellMs).unref();
  };

  engine.on('packet', ({ type, data }: { type: string; data?: unknown }) => {
    if (engine.readyState !== 'open') return;
    const kind = type === 'message' && typeof data === 'string' ? data.charAt(0) : '';
    // Events are limited where they are understood, and told; without a socket they end the connection. But that is a
    // moment later, and thousands may come in one piece.
    if (kind === eventPacket) return events.take() === 'close' ? flooded() : undefined;
    if (kind === connectPacket) connects++;
    if (connects > maxConnectPackets || rate.take() === 'close') over();
  });
  const from = performance.now();
  engine.on('close', () => {
    // Timers may be early by a millisecond.
    if (connects === 0 && performance.now() - from >= 0.9 * options.authTimeoutMs) options.onSilent();
  });
}

function webSocketOf(transport: unknown): CountingWebSocket | undefined {
  const { socket } = transport as { socket?: unknown };
  return socket instanceof CountingWebSocket ? socket : undefined;
}
