/**
 * Socket.IO sessions by polling come in many requests, and each may land on another worker: the session's id says
 * whose it is. Requests go there over a private socket, upgrades with their whole connection.
 */
import { randomBytes } from 'node:crypto';
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { HttpHandler } from '../http/server.js';
import type { WorkerLink } from './link.js';
import type { SharedPlaces } from './places.js';

export interface Neighbours {
  /** Connections of all workers are counted together. */
  readonly places: SharedPlaces;
  /** An id for a new session of this worker's. */
  newSessionId(): string;
  /** The worker that has the session; null if it is this one's, or nobody's. */
  ownerOf(sessionId: unknown): number | null;
  forward(owner: number, request: IncomingMessage, response: ServerResponse): void;
  handOver(owner: number, request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Serves what the others forward; connections that are handed over go to `connect`. */
  listen(handle: HttpHandler, connect: (socket: Socket) => void): void;
  close(): void;
}

const sessionForm = /^(\d{1,9})\.[\w-]{20}$/;

/** What engine.io answers when it does not know a session: a stock client then begins a new one, and recovers. */
const unknownSession = JSON.stringify({ code: 1, message: 'Session ID unknown' });

export function createNeighbours(link: WorkerLink, onError: (error: unknown) => void): Neighbours {
  const pathOf = (worker: number) =>
    process.platform === 'win32'
      ? `\\\\.\\pipe\\${link.folder.replaceAll(/[^\w-]/g, '-')}-${worker}`
      : join(link.folder, `${worker}.sock`);
  const server = createServer();
  // Closed by the side that asks alone: a request would be lost that meets an idle connection on its end.
  server.keepAliveTimeout = 0;
  const agent = new Agent({ keepAlive: true });

  return {
    places: link,
    newSessionId: () => `${link.number}.${randomBytes(15).toString('base64url')}`,
    ownerOf(sessionId) {
      const [, owner] = typeof sessionId === 'string' ? (sessionForm.exec(sessionId) ?? []) : [];
      return owner === undefined || Number(owner) === link.number ? null : Number(owner);
    },
    forward(owner, request, response) {
      const { method, url: path } = request;
      // Whatever the client wants of its own connection: a worker that closes when it has answered may do so before the
      // last, empty, write of the request, whose failure would hide the answer.
      const headers = { ...request.headers, connection: 'keep-alive' };
      const upstream = httpRequest({ agent, socketPath: pathOf(owner), method, path, headers }, (answer) => {
        const { connection: _ours, 'keep-alive': _too, ...told } = answer.headers;
        response.writeHead(answer.statusCode ?? 502, told);
        answer.on('error', () => response.destroy());
        answer.pipe(response);
      });
      upstream.on('error', (_gone) => {
        // The worker has ended, and its sessions with it.
        if (response.headersSent) {
          response.destroy();
          return;
        }
        response.writeHead(400, { 'Content-Type': 'application/json' });
        response.end(unknownSession);
      });
      response.on('close', () => upstream.destroy());
      request.pipe(upstream);
    },
    handOver(owner, { method, url, rawHeaders }, socket, head) {
      const lines = [`${method} ${url} HTTP/1.1`];
      for (let n = 0; n + 1 < rawHeaders.length; n += 2) lines.push(`${rawHeaders[n]}: ${rawHeaders[n + 1]}`);
      const read = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]);
      link.handOver(owner, socket as Socket, read);
    },
    listen(handle, connect) {
      server.on('request', handle).on('error', onError);
      // Not shared by the cluster: it is this worker's alone.
      server.listen({ path: pathOf(link.number), exclusive: true });
      link.onHandover((socket, read) => {
        socket.on('error', () => socket.destroy());
        socket.unshift(read);
        connect(socket);
      });
    },
    close() {
      agent.destroy();
      server.close();
      server.closeAllConnections();
    },
  };
}
