/**
 * From a connected transport to an admitted player, for both protocols: the token is checked in Socket.IO's
 * middleware, and a socket that passes becomes a `Connection` of the hub.
 */
import type { Server, Socket } from 'socket.io';
import { tokenOfHandshake, tokenOfUpgrade, type Authenticator, type Identity } from '../auth/index.js';
import { errorMessages, ProtocolError, type ErrorCode } from '../errors.js';
import type { Admission } from '../routing/admission.js';
import type { Hub } from '../routing/hub.js';
import type { Tracing } from '../telemetry/tracing.js';
import { Connection, type Wire } from './connection.js';
import { patience } from './patience.js';
import { PlayerPlaces, type PlayerPlacesOptions, type Transport } from './player-places.js';
import { RawEngine } from './raw-engine.js';
import { isPrivateIdOf, privateIdOf, sessionIdIn } from './session-id.js';
import { shrink } from './shrink.js';
import { none } from './spare.js';
import { SocketIoWire } from './socketio-wire.js';
import { Tidy } from './tidy.js';
import { RawSocket, type RawSocketOptions } from './raw-socket.js';
import { openSocketIo, type SocketIoOptions } from './socketio-socket.js';

export interface SessionsOptions extends RawSocketOptions, SocketIoOptions, PlayerPlacesOptions {
  readonly io: Server;
  readonly hub: Hub;
  readonly admission: Admission;
  readonly authenticator: Authenticator;
  readonly tracing?: Tracing | undefined;
  readonly secret: () => string;
  readonly authTimeoutMs: number;
  readonly maxUnsentBytes: number;
  readonly onAuthFailure: (code: ErrorCode) => void;
  readonly onOpen: (connection: Connection) => void;
}

interface Session {
  /** The cursor to resume from. */
  readonly since?: string;
  /** The id of the socket whose session it takes up. */
  readonly takesUp?: string;
  /** A session was asked for that cannot be taken up. */
  readonly lost: boolean;
}

/** What the middleware has found out, for the connection handler. */
type Admitted = Identity & Session;

/** Where a socket's connection is found: a listener of its own for each would take 130 bytes. */
const opened = Symbol('connection');
type Opened = Socket & { [opened]?: Connection };

/** Parts of a namespace that its types keep to themselves. */
interface InsideNamespace {
  readonly _preConnectSockets: Map<string, Socket>;
  _doConnect(socket: Socket, done?: (socket: Socket) => void): void;
}

/** Socket.IO's private id of a socket, which its types do not show. */
interface Recoverable {
  pid?: string;
  id: string;
  recovered: boolean;
}

export class Sessions {
  /** By Socket.IO socket id. */
  readonly connections = new Map<string, Connection>();
  private readonly admitted = new WeakMap<Socket, Admitted>();
  private readonly places: PlayerPlaces;
  private readonly tidy = new Tidy();
  private readonly deadlines = new WeakMap<object, NodeJS.Timeout>();
  /** The same function listens to all sockets. */
  private readonly onDisconnect: (this: Opened) => void;

  constructor(private readonly options: SessionsOptions) {
    const { io, tracing } = options;
    this.places = new PlayerPlaces(options);
    const close = (socket: Opened) => this.close(socket);
    this.onDisconnect = function () {
      close(this);
    };
    io.use((socket, next) => {
      const authenticate = () => this.authenticate(socket);
      const transport = rawOf(socket) ? 'websocket' : 'socketio';
      const done = tracing?.authentication(socket.request.headers, transport, authenticate) ?? authenticate();
      done.then(
        () => next(),
        (error: unknown) => next(this.refusal(error)),
      );
    });
    // Called for a socket that has passed every middleware.
    const namespace = io.sockets as unknown as InsideNamespace;
    const connect = namespace._doConnect.bind(namespace);
    namespace._doConnect = (socket, done) => {
      this.takeUp(socket);
      connect(socket, done);
    };
    // Before any listener of the program's: what that sends comes after `connected`.
    io.sockets.prependListener('connect', (socket: Socket) => this.open(socket));
  }

  private async authenticate(socket: Socket): Promise<void> {
    const { authenticator, authTimeoutMs } = this.options;
    const raw = rawOf(socket);
    const token = raw ? tokenOfUpgrade(raw.request).token : tokenOfHandshake(socket.handshake);
    const { conn } = socket;
    const first = this.places.begin(conn);
    let callOff = () => undefined as void;
    const late = new Promise<never>((_resolve, reject) => {
      callOff = patience(authTimeoutMs, () => reject(new ProtocolError('AUTH_ERROR')));
    });
    try {
      if (!first) throw new ProtocolError('AUTH_ERROR');
      const identity = await Promise.race([authenticator.authenticate(token), late]);
      // Gone meanwhile: what is counted from here on ends with the transport.
      if (conn.readyState !== 'open') throw new ProtocolError('AUTH_ERROR');
      const session = this.session(socket, identity.playerId);
      // Here, so that whatever listens for connections finds them.
      Object.assign(socket.data as object, {
        playerId: identity.playerId,
        transport: raw ? 'websocket' : 'socketio',
      });
      const { takesUp } = session;
      await this.places.take(conn, {
        playerId: identity.playerId,
        session: takesUp ?? socket.id,
        takesUp: takesUp !== undefined,
        isHere: takesUp !== undefined && this.connections.has(takesUp),
      });
      this.admitted.set(socket, { ...identity, ...session });
    } catch (error) {
      if (first) {
        this.places.leave(conn);
        if (!this.deadlines.has(conn)) this.endSoon(conn);
      }
      throw error;
    } finally {
      callOff();
      forgetToken(socket);
    }
  }

  /** Settles which session a Socket.IO client has: the one it takes up, if it is the player's, or a new one. */
  private session(socket: Socket, playerId: string): Session {
    const auth: unknown = socket.handshake.auth;
    const asked = typeof auth === 'object' && auth !== null && 'pid' in auth && 'offset' in auth;
    const inside = socket as unknown as Recoverable;
    const secret = this.options.secret();
    if (socket.recovered && inside.pid !== undefined) {
      const sid = sessionIdIn(inside.pid);
      const offset: unknown = asked ? auth.offset : undefined;
      if (sid !== null && typeof offset === 'string' && isPrivateIdOf(inside.pid, secret, sid, playerId)) {
        return { since: offset, takesUp: sid, lost: false };
      }
      inside.recovered = false;
    }
    if (!rawOf(socket)) inside.pid = privateIdOf(secret, socket.id, playerId);
    return { lost: asked };
  }

  /** Gives a socket the id of the session it takes up: when nothing can refuse it any more, see `hubAdapter`. */
  private takeUp(socket: Socket): void {
    const sid = this.admitted.get(socket)?.takesUp;
    if (sid === undefined) return;
    const { sockets } = this.options.io;
    // The old connection may not have noticed yet that its client is gone.
    sockets.sockets.get(sid)?.disconnect(true);
    (sockets as unknown as InsideNamespace)._preConnectSockets.delete(socket.id);
    (socket as unknown as Recoverable).id = sid;
  }

  private refusal(error: unknown): Error & { data?: { code: ErrorCode; message: string } } {
    const code = error instanceof ProtocolError ? error.code : 'INTERNAL_ERROR';
    if (!(error instanceof ProtocolError)) this.options.onError(error);
    this.options.onAuthFailure(code);
    const message = code === 'TOO_MANY_CONNECTIONS' ? errorMessages[code] : errorMessages.AUTH_ERROR;
    return Object.assign(new Error(message), { data: { code, message: errorMessages[code] } });
  }

  private open(socket: Socket): void {
    const { options } = this;
    const identity = this.admitted.get(socket);
    if (!identity) {
      socket.disconnect(true);
      return;
    }
    // What is not needed any more would be kept as long as the socket.
    this.admitted.delete(socket);
    const raw = rawOf(socket);
    const wire: Wire = raw ? raw.wire : new SocketIoWire(socket, options.maxUnsentBytes);
    const connection = new Connection(socket.id, identity.playerId, wire);
    connection.expiresAt = identity.expiresAt;
    this.connections.set(socket.id, connection);
    (socket as Opened)[opened] = connection;
    socket.on('disconnect', this.onDisconnect);
    options.onOpen(connection);
    const since = raw ? raw.since : identity.since;
    const admitted = options.admission.admit(connection, since, identity.lost);
    if (raw) new RawSocket(raw, connection, admitted, options);
    else openSocketIo(socket, connection, admitted, options);
    shrink(socket);
    this.tidy.opened();
  }

  private close(socket: Opened): void {
    const { [opened]: connection } = socket;
    if (!connection) return;
    connection.closed = true;
    this.places.leave(socket.conn);
    this.endSoon(socket.conn);
    this.options.hub.remove(connection);
    // Rooms have been left by now; only a successor may have the id again.
    if (this.connections.get(socket.id) === connection) this.connections.delete(socket.id);
  }

  /**
   * A client with a transport and no socket is a stranger, and has a stranger's time: from the beginning, when it was
   * refused, and when it leaves the namespace. Who is being authenticated has that of the token's check, which tells why.
   */
  endSoon(conn: Transport): void {
    clearTimeout(this.deadlines.get(conn));
    const gone = () => clearTimeout(timer);
    const timer = setTimeout(() => {
      this.deadlines.delete(conn);
      conn.off('close', gone);
      if (!this.places.has(conn)) conn.close();
    }, this.options.authTimeoutMs).unref();
    this.deadlines.set(conn, timer);
    conn.on('close', gone);
  }
}

function rawOf(socket: Socket): RawEngine | null {
  const engine: unknown = socket.conn;
  return engine instanceof RawEngine ? engine : null;
}

/** Once it is checked nobody needs it: `fetchSockets` would send the handshake to other instances. */
function forgetToken(socket: Socket): void {
  const { handshake, request } = socket;
  const auth: unknown = handshake.auth;
  if (typeof auth === 'object' && auth !== null && 'token' in auth) delete auth.token;
  delete handshake.query['token'];
  delete handshake.headers.authorization;
  delete handshake.headers['sec-websocket-protocol'];
  // The same once more, as they were sent.
  request.rawHeaders = none as readonly string[] as string[];
  handshake.url = handshake.url?.split('?')[0] ?? '';
  request.url = request.url?.split('?')[0] ?? '';
}
