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
  /** It has ended; engine.io's word for why. */
  readonly onClose: (reason: string) => void;
}

/** The first characters of Socket.IO's packets. */
const connectPacket = '0';
const eventPacket = '2';
/** How many events over the limit are still handed on, and how long it may take until they are understood, in milliseconds. */
const fewMore = 32;
const tellMs = 1000;
/** A stock client asks once; each further namespace it tries is answered with its name. */
const maxConnectPackets = 10;

/** What is known of one connection. */
class EngineGuard {
  private readonly rate: MessageRate;
  private events: MessageRate | undefined;
  private connects = 0;
  private beyond = 0;
  private readonly from = performance.now();

  constructor(
    private readonly engine: EngineSocket,
    private readonly options: EngineGuardOptions,
  ) {
    this.rate = new MessageRate(options);
  }

  packet(type: string, data: unknown): void {
    if (this.engine.readyState !== 'open') return;
    const kind = type === 'message' && typeof data === 'string' ? data.charAt(0) : '';
    // Events are limited where they are understood, and told; without a socket they end the connection. But that is a
    // moment later, and thousands may come in one piece.
    if (kind === eventPacket) {
      this.events ??= new MessageRate(this.options);
      if (this.events.take() === 'close') this.flooded();
      return;
    }
    if (kind === connectPacket) this.connects++;
    if (this.connects > maxConnectPackets || this.rate.take() === 'close') this.over();
  }

  closed(reason: string): void {
    const { authTimeoutMs, onSilent, onClose } = this.options;
    onClose(reason);
    // Timers may be early by a millisecond.
    if (this.connects === 0 && performance.now() - this.from >= 0.9 * authTimeoutMs) onSilent();
  }

  private flooded(): void {
    const { engine } = this;
    // By a few more, so that it is told and closed there.
    if (this.beyond++ !== fewMore) return;
    webSocketOf(engine.transport)?.ignore();
    setTimeout(() => engine.readyState === 'open' && this.over(), tellMs).unref();
  }

  private over(): void {
    const { engine } = this;
    this.options.onRateLimited();
    engine.close(true);
    // Closing politely waits for a client that has just been found not to be polite.
    webSocketOf(engine.transport)?.terminate();
  }
}

/** Where a connection's is found: two listeners for all of them, for each would be a function of its own. */
const guard = Symbol('guard');
type Guarded = EngineSocket & { [guard]?: EngineGuard };

function onPacket(this: Guarded, { type, data }: { type: string; data?: unknown }): void {
  this[guard]?.packet(type, data);
}
function onClose(this: Guarded, reason: string): void {
  this[guard]?.closed(reason);
}

export function guardEngine(engine: EngineSocket, options: EngineGuardOptions): void {
  (engine as Guarded)[guard] = new EngineGuard(engine, options);
  engine.on('packet', onPacket);
  engine.on('close', onClose);
}

function webSocketOf(transport: unknown): CountingWebSocket | undefined {
  const { socket } = transport as { socket?: unknown };
  return socket instanceof CountingWebSocket ? socket : undefined;
}
