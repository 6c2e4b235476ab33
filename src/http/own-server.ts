/** An HTTP server of our own: how long it waits, where it listens, and its end. */
import { createServer, type Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Config } from '../config.js';
import { OperatorError } from '../errors.js';

export type OwnServerOptions = Pick<
  Config,
  'host' | 'port' | 'upgradeTimeoutMs' | 'heartbeatIntervalMs' | 'heartbeatTimeoutMs'
>;

type Times = Omit<OwnServerOptions, 'host' | 'port'>;

/** How long requests may take, whoever's the server is. */
export function requestTimes({ upgradeTimeoutMs, heartbeatIntervalMs, heartbeatTimeoutMs }: Times) {
  const bodyMs = upgradeTimeoutMs * 3;
  // Who asks and takes no answer is not waited for; who polls is silent for as long as there is nothing to tell.
  return { bodyMs, answerMs: Math.max(bodyMs, 2 * (heartbeatIntervalMs + heartbeatTimeoutMs)) };
}

/** Does not listen yet. */
export function ownHttpServer(options: Times): HttpServer {
  const { upgradeTimeoutMs } = options;
  const { bodyMs, answerMs } = requestTimes(options);
  const server = createServer({
    // Slow handshakes hold a socket no longer than this.
    headersTimeout: upgradeTimeoutMs,
    requestTimeout: bodyMs,
    connectionsCheckingInterval: Math.min(5000, upgradeTimeoutMs),
    // Longer than clients and proxies keep an idle socket: closed by us, it could cost them the request they have just sent.
    keepAliveTimeout: 75_000,
    maxHeaderSize: 16 << 10,
  });
  server.timeout = answerMs;
  // Their size is limited, and none may be left out: Node leaves out the later ones, such as an Origin, or the proxy's address.
  server.maxHeadersCount = 0;
  return server;
}

export async function listen(
  http: HttpServer,
  { host, port }: Pick<OwnServerOptions, 'host' | 'port'>,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      reject(new OperatorError(describeListenError(error, host, port), { cause: error }));
    });
    http.listen(port, host, resolve);
  });
}

/** Where it listens, once it does. */
export function urlOf(http: HttpServer, { host, port }: Pick<OwnServerOptions, 'host' | 'port'>): string {
  const address = http.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`;
}

function describeListenError(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return `Port ${port} of ${host} is taken: stop what listens there, or set PORT to another one (0 picks a free one).`;
    case 'EACCES':
      return `Port ${port} may not be used by this user: set PORT to one above 1023.`;
    default:
      return `Cannot listen on ${host}:${port} (${error.code ?? error.message}): check HOST and PORT.`;
  }
}

/** Its open sockets, those of upgraded connections too, which the server itself forgets. */
export function socketsOf(http: HttpServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  // One for all of them.
  const onClose = function (this: Socket): void {
    sockets.delete(this);
  };
  http.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', onClose);
  });
  return sockets;
}

/** Who has not gone by now, after the drain, will not: a peer whose bytes vanish never says goodbye. */
export async function closeHttp(http: HttpServer, sockets: ReadonlySet<Socket>): Promise<void> {
  await new Promise<void>((resolve) => {
    http.close(() => resolve());
    http.closeAllConnections();
    for (const socket of sockets) socket.destroy();
  });
}
