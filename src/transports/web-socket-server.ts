/** The `ws` server of both protocols, with the bounds that keep a hostile client from holding on to anything. */
import { WebSocketServer, type ServerOptions } from 'ws';

/** No stock client fragments messages this small; somebody who sends thousands of pieces is up to something. */
const maxFragments = 128;
/** How long a client may take to answer a close before it is cut off, in milliseconds. */
const closeTimeoutMs = 2000;

type Bounds = ServerOptions & { closeTimeout: number; maxFragments: number };

/** Made by us for raw clients and by engine.io for Socket.IO's, which passes options of its own. */
export class BoundedWebSocketServer extends WebSocketServer {
  constructor(options: ServerOptions) {
    const bounds: Bounds = { ...options, closeTimeout: closeTimeoutMs, maxFragments };
    super(bounds);
  }
}
