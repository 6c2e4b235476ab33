/** The one router of the port: plain HTTP, raw upgrades, Socket.IO; limits come before any of them. */
import {
  STATUS_CODES,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import type { Server as Engine } from 'engine.io';
import type { HttpHandler } from '../http/server.js';
import type { Gate, Verdict } from './gate.js';
import type { RawTransport } from './raw.js';

export interface FrontOptions {
  readonly server: HttpServer;
  readonly engine: Engine;
  readonly raw: RawTransport;
  readonly gate: Gate;
  /** Answers what is no request of Socket.IO's; on a shared server its own listeners do. */
  readonly pages: HttpHandler | null;
  /** The path of raw WebSockets, `/` by default. */
  readonly rawPath: string;
  /** Whether the HTTP server is another program's: other paths are then left to it. */
  readonly shared: boolean;
}

const socketIoPath = '/socket.io/';
const retryAfterSeconds = 5;

const pathOf = (url: string | undefined): string => url?.split('?', 1)[0] ?? '/';
const hasSession = (url: string | undefined): boolean => /[?&]sid=/.test(url ?? '');

/** Returns what takes it away again. */
export function openFront(options: FrontOptions): () => void {
  const { server, engine, raw, gate, rawPath, shared } = options;
  const theirs = shared ? (server.listeners('request') as HttpHandler[]) : [];
  // Both would answer otherwise: the other program with a 404 to what is ours.
  for (const listener of theirs) server.off('request', listener);
  const pages: HttpHandler =
    options.pages ??
    ((request, response) => theirs.forEach((listener) => listener.call(server, request, response)));

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    if (!pathOf(request.url).startsWith(socketIoPath)) return pages(request, response);
    const verdict = hasSession(request.url) ? originOnly(gate, request) : gate.check(request);
    if (!verdict.ok) return refuse(response, verdict);
    engine.handleRequest(request, response);
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // A reset before anybody else listens would end the process.
    socket.on('error', (_reset) => socket.destroy());
    const path = pathOf(request.url);
    if (path.startsWith(socketIoPath)) {
      const verdict = hasSession(request.url) ? originOnly(gate, request) : gate.check(request);
      if (!verdict.ok) return refuseUpgrade(socket, verdict.status, verdict.reason);
      return engine.handleUpgrade(request, socket, head);
    }
    if (path !== rawPath && (rawPath === '/' || path !== `${rawPath}/`)) {
      // Another listener may know the path; without one nobody would ever answer.
      if (server.listenerCount('upgrade') === 1) refuseUpgrade(socket, 404, 'Not found');
      return;
    }
    const verdict = gate.check(request);
    if (!verdict.ok) return refuseUpgrade(socket, verdict.status, verdict.reason);
    const address = gate.addressOf(request);
    raw.upgrade(request, socket, head, address, gate.enter(address));
  };

  server.on('request', onRequest).on('upgrade', onUpgrade);
  engine.on(
    'connection',
    (connection: { request: IncomingMessage; once(event: 'close', run: () => void): void; ws?: unknown }) => {
      // Raw connections pass here too, and have been counted.
      if (connection.ws !== undefined) return;
      connection.once('close', gate.enter(gate.addressOf(connection.request)));
    },
  );

  return () => {
    server.off('request', onRequest).off('upgrade', onUpgrade);
    for (const listener of theirs) server.on('request', listener);
  };
}

/** Requests of a session that is open already: counted once, but from an allowed origin each. */
function originOnly(gate: Gate, request: IncomingMessage): Verdict {
  return gate.originAllowed(request)
    ? { ok: true }
    : { ok: false, status: 403, reason: 'Origin not allowed' };
}

function refuse(response: ServerResponse, verdict: Extract<Verdict, { ok: false }>): void {
  response.writeHead(verdict.status, {
    'Content-Type': 'application/json',
    ...(verdict.status !== 403 && { 'Retry-After': String(retryAfterSeconds) }),
  });
  response.end(JSON.stringify({ error: verdict.reason }));
}

function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  const retry = status === 429 || status === 503 ? `Retry-After: ${retryAfterSeconds}\r\n` : '';
  const body = JSON.stringify({ error: reason });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n${retry}` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
