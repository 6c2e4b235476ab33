/** The one router of the port: plain HTTP, raw upgrades, Socket.IO; limits come before any of them. */
import {
  STATUS_CODES,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Server as Engine } from 'engine.io';
import type { HttpHandler } from '../http/server.js';
import type { Gate, Refused } from './gate.js';
import type { RawTransport } from './raw.js';
import type { Neighbours } from '../workers/neighbours.js';
import { limitWaiting, type RequestTimes } from './waiting.js';

export interface FrontOptions {
  readonly server: HttpServer;
  readonly engine: Engine;
  readonly raw: RawTransport;
  readonly gate: Gate;
  /** Answers what is no request of Socket.IO's; on a shared server its own listeners do. */
  readonly pages: HttpHandler | null;
  /** The path of raw WebSockets, `/` by default. */
  readonly rawPath: string;
  /** How long requests may take where the HTTP server is another program's: other paths are then left to it. */
  readonly shared: RequestTimes | null;
  /** The other workers of this port, whose sessions are known by their ids. */
  readonly neighbours?: Neighbours | undefined;
  /** A poll brought more than a message may be. */
  readonly onTooLarge: () => void;
}

const socketIoPath = '/socket.io/';
const retryAfterSeconds = 5;

/** Anything else is a bad request. */
const statusOfClientError: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};

/** How long a refused client may take to read why, in milliseconds. */
const refusalMs = 1000;
/** What engine.io takes; anything else would only get an HTTP 500 from it. */
const pollingMethods: readonly (string | undefined)[] = ['GET', 'POST', 'OPTIONS'];

const pathOf = (url: string | undefined): string => url?.split('?', 1)[0] ?? '/';

/** A URL may be sent with its host in front (RFC 9112, 3.2.2). */
const withoutHost = (url: string | undefined): string => {
  const target = url?.replace(/^https?:\/\/[^/?#]*/i, '') ?? '/';
  return target.startsWith('/') ? target : target.startsWith('?') ? `/${target}` : target || '/';
};

/** One Host alone says what the own origin is, and to whom a proxy has taken the request (RFC 9112, 3.2). */
function hasTwoHosts({ rawHeaders }: IncomingMessage): boolean {
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.length === 4 && /^host$/i.test(name));
  return hosts.length > 1;
}

/** engine.io's connections by session id, which its types keep to themselves. */
const clientsOf = (engine: Engine): object => (engine as unknown as { clients: object }).clients;

/** The query as engine.io reads it, which takes it over from here: what is checked is what is used. */
function queryOf(request: IncomingMessage): Record<string, unknown> {
  const start = request.url?.indexOf('?') ?? -1;
  const text = start < 0 ? '' : (request.url?.slice(start + 1).split('#', 1)[0] ?? '');
  const query = Object.fromEntries(new URLSearchParams(text));
  return ((request as { _query?: Record<string, string> })._query = query);
}

/** A reset before anybody else listens would end the process. It stays as long as the socket, and keeps nothing else. */
function onReset(this: Duplex): void {
  this.destroy();
}

/** Of a session that has been asked for, and is not open. */
interface Place {
  readonly leave: () => void;
  /** The end of it is the place's. */
  readonly answer: ServerResponse | Duplex;
  readonly onClose: () => void;
}

/** Returns what takes it away again. */
export function openFront(options: FrontOptions): () => void {
  const { server, engine, raw, gate, rawPath, shared, neighbours, onTooLarge } = options;
  const theirs = shared ? (server.listeners('request') as HttpHandler[]) : [];
  // Both would answer otherwise: the other program with a 404 to what is ours.
  for (const listener of theirs) server.off('request', listener);
  const pages: HttpHandler =
    options.pages ??
    ((request, response) => theirs.forEach((listener) => listener.call(server, request, response)));

  /** Of sessions that have been asked for, until they are open. */
  const places = new WeakMap<IncomingMessage, Place>();

  /** Whoever takes a place gives it up. */
  const takePlace = (request: IncomingMessage): (() => void) | undefined => {
    const place = places.get(request);
    places.delete(request);
    place?.answer.off('close', place.onClose);
    return place?.leave;
  };

  const admit = (
    request: IncomingMessage,
    answer: ServerResponse | Duplex,
    go: (leave: () => void) => void,
    turnAway: (refused: Refused) => void,
  ) =>
    gate.admit(request, (admittance) => {
      if (!admittance.ok) turnAway(admittance);
      // Gone while the primary was asked.
      else if (answer.destroyed) admittance.leave();
      else go(admittance.leave);
    });

  /**
   * A session that is open already has been counted; whether there is one, engine.io knows. A new one is counted from
   * here on, for engine.io opens it a little later.
   */
  const check = (
    request: IncomingMessage,
    answer: ServerResponse | Duplex,
    go: () => void,
    turnAway: (refused: Refused) => void,
  ) => {
    const { sid } = queryOf(request);
    if (typeof sid === 'string' && Object.hasOwn(clientsOf(engine), sid)) {
      const verdict = gate.check(request, true);
      return verdict.ok ? go() : turnAway(verdict);
    }
    const begin = (leave: () => void) => {
      const onClose = () => takePlace(request)?.();
      places.set(request, { leave, answer, onClose });
      answer.on('close', onClose);
      go();
    };
    admit(request, answer, begin, turnAway);
  };

  const onConnection = (socket: Socket) => {
    if (!gate.admitSocket(socket)) socket.destroy();
  };

  /** What Node does by itself while nobody listens, and counted. */
  const onClientError = (error: NodeJS.ErrnoException, socket: Duplex) => {
    const status = statusOfClientError[error.code ?? ''] ?? 400;
    // A reset is no request.
    if (error.code !== 'ECONNRESET') gate.note(status === 408 ? 'slow' : 'malformed');
    if (socket.writable) {
      socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n\r\n`);
    }
    socket.destroy();
  };

  const mayWait = limitWaiting({ times: shared, onEnded: (why) => gate.note(why) });

  /** What Node does by itself while nobody listens, and limited. */
  const onExpectation = (request: IncomingMessage, response: ServerResponse) => {
    if (mayWait(request, response)) response.writeHead(417).end();
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const target = withoutHost(request.url);
    const ours = pathOf(target) === socketIoPath;
    // What another program answers is as it was sent, and waits as that program likes.
    if (!ours && shared) return pages(request, response);
    if (!mayWait(request, response)) return;
    if (hasTwoHosts(request)) {
      gate.note('malformed');
      return refuse(response, twoHosts);
    }
    request.url = target;
    if (!ours) return pages(request, response);
    // What a poll brings was written by others: no browser is to take it for a page.
    response.setHeader('X-Content-Type-Options', 'nosniff');
    const owner = neighbours?.ownerOf(queryOf(request)['sid']) ?? null;
    if (neighbours && owner !== null) return neighbours.forward(owner, request, response);
    check(request, response, () => poll(request, response), refuse.bind(null, response));
  };

  const poll = (request: IncomingMessage, response: ServerResponse) => {
    const bad = (status: number, reason: string) => refuse(response, { status, reason });
    if (!pollingMethods.includes(request.method)) return bad(405, 'Method not allowed');
    // Scripts from anywhere may ask for JSONP, which no Origin tells; stock clients have not used it for years.
    if (queryOf(request)['j'] !== undefined) return bad(400, 'JSONP is not supported');
    // engine.io would leave it without an answer for ever.
    if (queryOf(request)['transport'] === 'websocket') return bad(400, 'Not an upgrade');
    response.once('close', () => response.statusCode === 413 && onTooLarge());
    engine.handleRequest(request, response);
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', onReset);
    const target = withoutHost(request.url);
    const path = pathOf(target);
    const ours = path === socketIoPath || path === rawPath || (rawPath !== '/' && path === `${rawPath}/`);
    if (!ours) {
      // Another listener may know the path; without one nobody would ever answer.
      if (server.listenerCount('upgrade') === 1) refuseUpgrade(socket, 404, 'Not found');
      return;
    }
    const turnAway = (refused: Reason) => refuseUpgrade(socket, refused.status, refused.reason);
    if (hasTwoHosts(request)) {
      gate.note('malformed');
      return turnAway(twoHosts);
    }
    request.url = target;
    if (path === socketIoPath) {
      const owner = neighbours?.ownerOf(queryOf(request)['sid']) ?? null;
      if (neighbours && owner !== null) return neighbours.handOver(owner, request, socket, head);
      return check(request, socket, () => engine.handleUpgrade(request, socket, head), turnAway);
    }
    const go = (leave: () => void) => raw.upgrade(request, socket, head, gate.addressOf(request), leave);
    admit(request, socket, go, turnAway);
  };

  server.on('request', onRequest).on('upgrade', onUpgrade);
  neighbours?.listen(onRequest, (socket) => server.emit('connection', socket));
  if (!shared) {
    server.on('connection', onConnection).on('clientError', onClientError);
    server.on('checkExpectation', onExpectation);
  }
  engine.on(
    'connection',
    (connection: { request: IncomingMessage; on(event: 'close', run: () => void): void; ws?: unknown }) => {
      // Raw connections pass here too, and have been counted.
      if (connection.ws !== undefined) return;
      const { request } = connection;
      connection.on('close', takePlace(request) ?? gate.enter(gate.addressOf(request)));
    },
  );

  return () => {
    neighbours?.close();
    server.off('request', onRequest).off('upgrade', onUpgrade);
    server.off('connection', onConnection).off('clientError', onClientError);
    server.off('checkExpectation', onExpectation);
    for (const listener of theirs) server.on('request', listener);
  };
}

type Reason = Pick<Refused, 'reason'> & { readonly status: number };

const twoHosts: Reason = { status: 400, reason: 'More than one Host' };

function refuse(response: ServerResponse, { status, reason }: Reason): void {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'X-Content-Type-Options': 'nosniff',
    ...((status === 429 || status === 503) && { 'Retry-After': String(retryAfterSeconds) }),
    ...(status === 405 && { Allow: pollingMethods.join(', ') }),
  });
  response.end(JSON.stringify({ error: reason }));
}

function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  const retry = status === 429 || status === 503 ? `Retry-After: ${retryAfterSeconds}\r\n` : '';
  const body = JSON.stringify({ error: reason });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n${retry}` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  // The other side may leave its half open for ever: nobody else looks after this socket any more.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), refusalMs).unref();
  socket.once('close', () => clearTimeout(timer));
}
