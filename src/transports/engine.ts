/** engine.io's server, without what it keeps of every websocket and nobody asks for any more. */
import { Server, transports, type Transport } from 'engine.io';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

type Listener = (...args: unknown[]) => void;
type Name = keyof typeof transports;

/**
 * A websocket closes once, and an error is its end: the wrappers of `once` would take 200 bytes each. Headers are what polls are
 * answered with.
 */
class LeanWebSocket extends transports.websocket {
  override on(event: string | symbol, listener: Listener): this {
    return event === 'headers' ? this : super.on(event, listener);
  }

  override once(event: string | symbol, listener: Listener): this {
    return event === 'close' || event === 'error' ? super.on(event, listener) : super.once(event, listener);
  }
}

export class LeanEngine extends Server {
  protected override createTransport(name: Name, request: IncomingMessage): Transport {
    if (name !== 'websocket') return super.createTransport(name, request);
    return new LeanWebSocket(request as ConstructorParameters<typeof LeanWebSocket>[0]);
  }

  override handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const before = new Set(socket.rawListeners('close'));
    super.handleUpgrade(request, socket, head);
    // Middlewares get a response, which is kept as long as the socket, to tell them of its end.
    if (this.middlewares.length > 0) return;
    const [added] = socket.rawListeners('close').filter((listener) => !before.has(listener));
    // What was added with `once` has what it wraps.
    if (added && 'listener' in added) socket.off('close', added as unknown as Listener);
  }
}
