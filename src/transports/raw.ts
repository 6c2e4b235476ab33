/** Accepts raw WebSockets: any token opens the socket, for a browser cannot read an HTTP 401; the error is a message. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Server } from 'socket.io';
import { MessageRate, type RateOptions } from './rate.js';
import { RawEngine, type RawEngineObserver } from './raw-engine.js';
import { RawWire } from './raw-wire.js';
import { BoundedWebSocketServer, compression } from './web-socket-server.js';

export interface RawOptions extends RateOptions {
  readonly io: Server;
  readonly maxMessageBytes: number;
  readonly maxUnsentBytes: number;
  readonly permessageDeflate: boolean;
  readonly onClose: (code: number) => void;
  /** A message was larger than may be. */
  readonly onTooLarge: () => void;
  /** `told`: by a message of its own. */
  readonly onRateLimited: (told: boolean) => void;
}

export class RawTransport implements RawEngineObserver {
  readonly engines = new Set<RawEngine>();
  private readonly server: BoundedWebSocketServer;

  constructor(private readonly options: RawOptions) {
    this.server = new BoundedWebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: options.permessageDeflate && compression,
      // Pings are counted and limited like everything else before they are answered.
      autoPong: false,
      maxPayload: options.maxMessageBytes,
      // The token travels as a subprotocol too, and must not be answered.
      handleProtocols: (protocols) => (protocols.has('hashi') ? 'hashi' : false),
    });
  }

  onClose(engine: RawEngine, code: number): void {
    this.engines.delete(engine);
    this.options.onClose(engine.ws.closedWith ?? code);
  }

  onRateLimited(told: boolean): void {
    this.options.onRateLimited(told);
  }

  /** Takes over an upgrade whose path, origin and limits have been checked. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, address: string, onGone: () => void): void {
    socket.on('close', onGone);
    // "hashi" is answered only to a client that offers it, and never the token.
    this.server.handleUpgrade(request, socket, head, (ws) => {
      // From its first byte: a reset while the token is checked, or invalid UTF-8, would end the process.
      ws.onTooLarge(this.options.onTooLarge);
      const query = queryOf(request.url);
      const since = query.get('since') ?? undefined;
      const wire = new RawWire(ws, socket as Socket, this.options.maxUnsentBytes);
      if (since !== undefined || query.get('resume') === '1') wire.form = 'rawWithId';
      const engine = new RawEngine(ws, request, address, wire, since, new MessageRate(this.options), this);
      this.engines.add(engine);
      this.options.io.engine.emit('connection', engine);
      engine.connect();
    });
  }
}

/** Total on hostile input, unlike `new URL`. */
function queryOf(url: string | undefined): URLSearchParams {
  const start = url?.indexOf('?') ?? -1;
  return new URLSearchParams(start < 0 ? '' : url?.slice(start + 1));
}
