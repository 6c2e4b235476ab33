/** The `ws` server of both protocols, with the bounds that keep a hostile client from holding on to anything. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type PerMessageDeflateOptions, type ServerOptions, type WebSocket } from 'ws';
import { CountingWebSocket } from './counting-web-socket.js';
import type { RateOptions } from './rate.js';

/** No stock client fragments messages this small; somebody who sends thousands of pieces is up to something. */
const maxFragments = 128;
/** How long a client may take to answer a close before it is cut off, in milliseconds. */
const closeTimeoutMs = 2000;

type Bounds = ServerOptions & { closeTimeout: number; maxFragments: number };

/**
 * `permessage-deflate` (RFC 7692) with no context from message to message on either side, so that one compressed
 * frame serves everybody. The library takes what clients have compressed, up to the largest message in inflated
 * bytes, but compresses nothing itself: it would do so for each client anew, and later than what is written here.
 */
export const compression: PerMessageDeflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  threshold: Number.POSITIVE_INFINITY,
  // A client's messages are small, and every connection that has sent a compressed one keeps a buffer.
  zlibInflateOptions: { chunkSize: 1024 },
};

/** Whether compressed frames may be written to it. */
export const deflates = (ws: WebSocket): boolean => ws.extensions.startsWith('permessage-deflate');

type Opened = (client: CountingWebSocket, request: IncomingMessage) => void;

/** Made by us for raw clients and by engine.io for Socket.IO's, which passes options of its own. */
export class BoundedWebSocketServer extends WebSocketServer<typeof CountingWebSocket> {
  constructor(options: ServerOptions) {
    const bounds: Bounds = { ...options, closeTimeout: closeTimeoutMs, maxFragments };
    super({ ...bounds, WebSocket: CountingWebSocket });
  }

  override handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, callback: Opened): void {
    withoutSmallWindows(request);
    super.handleUpgrade(request, socket, head, callback);
  }
}

export interface EngineObserver {
  readonly onRateLimited: () => void;
  /** A message was larger than may be. */
  readonly onTooLarge: () => void;
}

/** What engine.io makes its server of: nothing of ours sees a WebSocket that a polling client has only begun to change over to. */
export function engineOf(
  { messagesPerSecond, messageBurst }: RateOptions,
  { onRateLimited, onTooLarge }: EngineObserver,
): typeof BoundedWebSocketServer {
  const unseen = { messagesPerSecond, messageBurst, onRateLimited };
  return class extends BoundedWebSocketServer {
    override handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, callback: Opened): void {
      super.handleUpgrade(request, socket, head, (client, upgraded) => {
        client.limitUnseen(unseen);
        client.onTooLarge(onTooLarge);
        callback(client, upgraded);
      });
    }
  };
}

/** An offer that asks for a smaller window of ours is passed over: frames made for everybody use the largest one. */
function withoutSmallWindows({ headers }: IncomingMessage): void {
  const offers = headers['sec-websocket-extensions'];
  if (offers === undefined || !offers.includes('server_max_window_bits')) return;
  const rest = offers.split(',').filter((offer) => !offer.includes('server_max_window_bits'));
  if (rest.length > 0) headers['sec-websocket-extensions'] = rest.join(',').trim();
  else delete headers['sec-websocket-extensions'];
}
