/** Socket.IO's server and the engine under it, as this server sets them up. */
import type { Server as Engine } from 'engine.io';
import { Server } from 'socket.io';
import type { Config } from '../config.js';
import { LeanEngine } from './engine.js';
import { compression, engineOf, type EngineObserver } from './web-socket-server.js';

/** A Socket.IO server that is not bound to anything yet, so that a program can add to it before the start. */
export function createSocketIo({ authTimeoutMs }: Config): Server {
  return new Server({
    path: '/socket.io/',
    serveClient: false,
    // Strangers are ended before, see `Sessions.endSoon`. A token's check, which tells the client why, may take longer than
    // its time: where this process was too busy to look.
    connectTimeout: 10 * authTimeoutMs + 500,
    // How long a session can be taken up is the log's retention, whatever this would say.
    connectionStateRecovery: { skipMiddlewares: false },
  });
}

/** The engine: polling and websocket transports, behind the router of the port. */
export function createEngine(config: Config, observer: EngineObserver): Engine {
  const { allowedOrigins } = config;
  return new LeanEngine({
    pingInterval: config.heartbeatIntervalMs,
    pingTimeout: config.heartbeatTimeoutMs,
    maxHttpBufferSize: config.maxMessageBytes,
    upgradeTimeout: config.upgradeTimeoutMs,
    perMessageDeflate: config.permessageDeflate && compression,
    // Compressing for whoever asks costs more than it saves, and tells the length of secrets.
    httpCompression: false,
    wsEngine: engineOf(config, observer),
    ...(allowedOrigins.length > 0 && {
      cors: { origin: allowedOrigins.includes('*') ? '*' : [...allowedOrigins] },
    }),
  });
}
