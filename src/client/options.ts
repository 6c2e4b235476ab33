/** How to connect. */
import type { BackoffOptions } from './backoff.js';
import type { Clock } from './clock.js';
import type { WebSocketConstructor } from './socket.js';

/** What `connect` takes: `url` and `token` at least. */
export interface ConnectOptions {
  /** Where the server is: `wss://HOST/`; `https:` is understood as `wss:`. */
  readonly url: string;
  /** Gives a token that is valid now: asked before each connection, and again before the token runs out. */
  readonly token: () => Promise<string> | string;
  /** Closes the client when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Where to go on: a `cursor` that was kept. Absent: from now. */
  readonly since?: string | undefined;
  /** For Node before 22, which has none of its own: that of the `ws` package. */
  readonly WebSocket?: WebSocketConstructor | undefined;
  /**
   * Told what no caller can be: what a listener or `token` throws, a subscription that could not be renewed, errors
   * the server tells unasked. Absent: `console.error`.
   */
  readonly onerror?: ((error: unknown) => void) | undefined;
  /** 250 ms to 20 s when absent. */
  readonly backoff?: Partial<BackoffOptions> | undefined;
  /** After this long without a message the server is pinged; 25 s when absent. */
  readonly heartbeatMs?: number | undefined;
  /** A connection that takes longer to open or to answer is given up; 15 s when absent. */
  readonly timeoutMs?: number | undefined;
  /** Time and chance, for tests. */
  readonly clock?: Clock | undefined;
}
