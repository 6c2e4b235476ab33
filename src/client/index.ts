/**
 * `hashi-socket/client`: events in browsers and Node, each once and in order, through any number of reconnects.
 *
 *     const client = connect({ url: 'wss://example.org/', token: () => session.token() });
 *     client.on('contract.initialized', (event) => show(event.payload));
 *     client.on('gap', () => readEverythingAgain());
 */
import type { HashiMessage } from '../catalog/index.js';
import { Client } from './client.js';
import type { EventMessage } from './events.js';
import type { ConnectOptions } from './options.js';
import { webSocketOf } from './socket.js';

export type { HashiEvent, HashiEventType, HashiMessage } from '../catalog/index.js';
export type { BackoffOptions } from './backoff.js';
export type { Client } from './client.js';
export type { Clock } from './clock.js';
export { ClientError, type ClientErrorCode } from './error.js';
export type { Connected, EventMap, EventMessage, Gap, State, StateChange } from './events.js';
export type { ConnectOptions } from './options.js';
export type { WebSocketConstructor, WebSocketLike } from './socket.js';

/**
 * Connects, and stays connected until `close()`, the `signal`, the server's normal close (1000), or a fresh token
 * that is refused. Listeners added right after the call miss nothing.
 *
 * `M` is the union of messages of the catalogue; the product's own when absent.
 * @throws TypeError when the URL is none, Error when there is no WebSocket
 */
export function connect<M extends EventMessage = HashiMessage>(options: ConnectOptions): Client<M> {
  void new URL(options.url);
  webSocketOf(options.WebSocket);
  return new Client<M>(options);
}
