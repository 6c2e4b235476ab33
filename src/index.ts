/**
 * The public API: the server inside a program of your own.
 *
 *     const server = createServer({ settings: { DATABASE_URL: '…' } });
 *     server.on('contract.created', (event) => console.log(event.contractId));
 *     server.io.to(lobbyRoom(id)).emit('chat', { text: 'hello' }); // reaches raw clients too
 *     await server.start();
 */
import { EventEmitter } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { DefaultEventsMap, Server as SocketIoServer } from 'socket.io';
import { familiesByEvent, type Catalog, type HashiEvent } from './catalog/index.js';
import type { DataOf, Family } from './catalog/family.js';
import { guarded, type ClientData } from './hooks.js';
import { loadConfig, type SettingName } from './config.js';
import type { LogEntry } from './log/entry.js';
import { catalogOf, hooksOf, type ProjectOptions } from './project.js';
import { createServer as createParts, type StartedServer } from './server.js';
import { createLogger, type Logger } from './telemetry/logger.js';

export { lobbyRoom, playerRoom } from './routing/rooms.js';
export { closeCodes, errorMessages, OperatorError, ProtocolError, type ErrorCode } from './errors.js';
export { defineConfig, type ProjectOptions } from './project.js';
export type {
  Authenticate,
  AuthenticatedPlayer,
  ClientData,
  ClientMessageHandler,
  ClientMessages,
  ClientSocket,
} from './hooks.js';
export type { CanSubscribe, SubscribeRequest } from './routing/subscriptions.js';
export type { StartedServer } from './server.js';
export type { HashiEvent, HashiEventType, HashiMessage } from './catalog/index.js';
export type { SettingName } from './config.js';

/** What `createServer` takes; with none of it, it is what `npm start` runs. */
export interface CreateServerOptions<
  Families extends readonly Family[] = readonly Family[],
> extends ProjectOptions<Families> {
  /** Settings, by the names they have in the environment, over those of `env`. */
  readonly settings?: Partial<Record<SettingName, string | number | boolean>>;
  /** The environment; `process.env` unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Serve on this HTTP server, which listens and answers other paths itself; HOST and PORT play no part then. */
  readonly httpServer?: HttpServer;
  /** The path of raw WebSockets; `/` unless given. */
  readonly rawPath?: string;
  readonly logger?: Logger;
}

type EventOf<Families extends readonly Family[]> = HashiEvent | DataOf<Families[number]>;
type ByType<Event, Type> = Extract<Event, { readonly type: Type }>;

/** A server inside a program of yours: what `createServer` returns. `Event` is the union of its events. */
export interface Server<Event extends { readonly type: string } = HashiEvent> {
  /** The real Socket.IO server. Raw clients are sockets of it: in rooms, in `fetchSockets()`, in middlewares. */
  readonly io: SocketIoServer<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, ClientData>;
  /** @throws OperatorError when it cannot start; nothing is left running then */
  start(): Promise<StartedServer>;
  /** Drains, then stops everything that `start` started. Can be called twice. */
  stop(): Promise<void>;
  /** Every event of the log, once, in order, on every instance. What a listener throws is logged; the others hear it all the same. */
  on(type: 'event', listener: (event: Event) => void | Promise<void>): () => void;
  /** One type of event; `event.payload` is that event's own. Returns what ends it. */
  on<Type extends Event['type']>(
    type: Type,
    listener: (event: ByType<Event, Type>) => void | Promise<void>,
  ): () => void;
}

/** @throws OperatorError when a setting is wrong */
export function createServer<const Families extends readonly Family[] = readonly []>(
  options: CreateServerOptions<Families> = {},
): Server<EventOf<Families>> {
  const { settings = {}, env = process.env, httpServer, rawPath } = options;
  const given = Object.entries(settings).map(([name, value]) => [name, String(value)]);
  const { config, warnings } = loadConfig({
    ...env,
    ...(Object.fromEntries(given) as Record<string, string>),
  });
  const logger = options.logger ?? createLogger({ level: config.logLevel, format: config.logFormat });
  for (const warning of warnings) logger.warn(warning);

  const catalog = catalogOf(options);
  const listeners = new EventEmitter();
  const parts = createParts({
    config,
    logger,
    catalog,
    hooks: { ...hooksOf(options), onEntries: tellListeners(listeners, catalog, logger) },
    ...(httpServer && { httpServer }),
    ...(rawPath !== undefined && { rawPath }),
  });
  return {
    io: parts.io as Server['io'],
    start: () => parts.start(),
    stop: () => parts.stop(),
    on(type: string, listener: (event: never) => void | Promise<void>) {
      const onError = (error: unknown) => logger.error({ err: error, type }, 'a listener of an event threw');
      const run = guarded((event: unknown) => listener(event as never), onError);
      listeners.on(type, run);
      return () => void listeners.off(type, run);
    },
  };
}

/** Hands entries on as typed events; their JSON is read only when somebody listens. */
function tellListeners(listeners: EventEmitter, catalog: Catalog, logger: Logger) {
  const known = familiesByEvent(catalog);
  return (entries: readonly LogEntry[]): void => {
    for (const { type, data } of entries) {
      if (data === null || !known.has(type)) continue;
      if (listeners.listenerCount('event') + listeners.listenerCount(type) === 0) continue;
      try {
        const event: unknown = JSON.parse(data);
        listeners.emit('event', event);
        listeners.emit(type, event);
      } catch (error) {
        logger.error({ err: error, type }, 'an event could not be read');
      }
    }
  };
}
