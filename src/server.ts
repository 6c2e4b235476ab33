/** Builds the server from its parts, starts them in order and stops them in reverse. */
import type { Server as HttpServer } from 'node:http';
import type { Pool } from 'pg';
import { createAuth, type Auth } from './auth/index.js';
import { catalog as ownCatalog, type Catalog } from './catalog/index.js';
import type { Config } from './config.js';
import { createPool } from './database/client.js';
import { Desk } from './development/desk.js';
import { isLoopback } from './development/guard.js';
import { openDatabase, type OpenDatabase } from './database/open.js';
import { guarded, hookedAuthenticator, type Hooks } from './hooks.js';
import { closeHttp, listen, ownHttpServer, socketsOf, urlOf } from './http/own-server.js';
import { createHttpHandler, type Readiness } from './http/server.js';
import { loadPages } from './http/pages.js';
import { Realtime } from './realtime.js';
import { createSocketIo } from './transports/socketio.js';
import type { Server as SocketIoServer } from 'socket.io';
import type { Logger } from './telemetry/logger.js';
import { createMetrics } from './telemetry/metrics.js';
import { observeTokens } from './telemetry/observe.js';
import type { WorkerLink } from './workers/link.js';
import { createNeighbours } from './workers/neighbours.js';
import { loadTracing } from './telemetry/tracing.js';

export interface ServerOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** The events; the documented ones unless given. */
  readonly catalog?: Catalog;
  readonly hooks?: Hooks;
  /** Another program's HTTP server to serve on; it listens and answers other paths itself. */
  readonly httpServer?: HttpServer;
  /** The path of raw WebSockets; `/` unless given. */
  readonly rawPath?: string;
  /** To the other workers, when this process is one of several on a port. */
  readonly link?: WorkerLink;
}

/** What `start()` tells. */
export interface StartedServer {
  /** Where it listens, `http://127.0.0.1:3000`. */
  readonly url: string;
  /** For the console; in development mode alone. */
  readonly developmentToken?: string;
  readonly databaseUrl: string;
  /** Whether the database is our own. */
  readonly embedded: boolean;
}

export interface HashiServer {
  /** The Socket.IO server: what it emits to rooms reaches raw clients too. */
  readonly io: SocketIoServer;
  /** @throws OperatorError when it cannot start; nothing is left running then */
  start(): Promise<StartedServer>;
  /** Drains, then stops everything; can be called twice, and while it starts. */
  stop(): Promise<void>;
}

/** No query of a connection's takes this long, in milliseconds: one that does is lost on the way. */
const queryTimeoutMs = 10_000;
/** How often a worker looks whether it is ready, in milliseconds. */
const readinessMs = 100;
/** How long the database may take to end connections at the stop, in milliseconds. */
const goodbyeMs = 1000;

/** The player of the development token that is printed at start. */
const developmentPlayer = 'player-1';

export function createServer(options: ServerOptions): HashiServer {
  const { config, logger, catalog = ownCatalog, hooks = {}, httpServer, rawPath = '/', link } = options;
  const io = createSocketIo(config);
  const onHookError = (err: unknown) => logger.error({ err }, 'onConnection threw');
  if (hooks.onConnection) io.on('connection', guarded(hooks.onConnection, onHookError));
  /** What stops the parts that run, the last one first. */
  const running: (() => Promise<void>)[] = [];
  let draining = false;
  let starting: Promise<StartedServer> | undefined;
  let stopping: Promise<void> | undefined;

  async function start(): Promise<StartedServer> {
    const metrics = createMetrics();
    const tracing = config.traceContext ? await loadTracing() : undefined;
    const database: OpenDatabase = await openDatabase(config, catalog, logger);
    running.push(() => database.stop());

    const auth: Auth = hooks.authenticate
      ? { authenticator: hookedAuthenticator(hooks.authenticate) }
      : await createAuth(config, {
          onError: (error) => logger.warn({ err: error }, 'the key server did not give usable keys'),
        });
    running.push(async () => auth.authenticator.stop());

    const openPool = (max: number, pinned: boolean): Pool => {
      const { url } = database;
      const pool = createPool({ url, applicationName: 'hashi-socket', max, queryTimeoutMs, logger, pinned });
      running.push(() => endOf(pool));
      return pool;
    };
    const pool = openPool(config.poolSize, true);
    // It writes as a service does, and shows its SQL: names have no schema there.
    const desk = createDesk(auth, options, database.url, () => openPool(2, false));
    if (desk) running.push(() => desk.stop());

    const http = httpServer ?? ownHttpServer(config);
    const realtime: Realtime = new Realtime({
      config,
      logger,
      metrics,
      http,
      io,
      rawPath,
      shared: httpServer !== undefined,
      hooks,
      pool,
      databaseUrl: database.url,
      authenticator: observeTokens(metrics, auth.authenticator),
      tracing,
      catalog,
      pages: httpServer
        ? null
        : createHttpHandler({
            metrics: link ? { scrape: () => metrics.scrapeAll(link) } : metrics,
            readiness: () => readiness(realtime, draining, link),
            metricsToken: config.metricsToken,
            pages: await loadPages({
              docs: { catalog, registry: metrics.registry },
              development: desk !== undefined,
            }),
            ...(desk && { posts: desk.routes }),
            logger,
          }),
      ready: () => readiness(realtime, draining).ready,
      neighbours:
        link &&
        createNeighbours(link, (error) => logger.error({ err: error }, 'the other workers cannot be served')),
    });
    running.push(() => realtime.stop());
    await realtime.start();

    if (!httpServer) {
      const sockets = socketsOf(http);
      await listen(http, config);
      running.push(() => closeHttp(http, sockets));
    }
    if (link) {
      link.onMetrics(() => metrics.collect());
      running.push(reportReadiness(link, () => readiness(realtime, draining).ready));
    }
    running.push(() => realtime.drain(config.drainMs));

    const developmentToken = await auth.mint?.({ playerId: developmentPlayer });
    const url = urlOf(http, config);
    logger.info({ url, mode: auth.authenticator.mode, embedded: database.embedded }, 'listening');
    return {
      url,
      databaseUrl: database.url,
      embedded: database.embedded,
      ...(developmentToken !== undefined && { developmentToken }),
    };
  }

  async function stopAll(): Promise<void> {
    for (let stopPart = running.pop(); stopPart; stopPart = running.pop()) {
      try {
        await stopPart();
      } catch (error) {
        // The parts after it are stopped all the same: the database last of all.
        logger.error({ err: error }, 'a part of the server did not stop cleanly');
      }
    }
  }

  return {
    io,
    start() {
      return (starting ??= start().catch(async (error: unknown) => {
        await stopAll();
        throw error;
      }));
    },
    stop() {
      draining = true;
      return (stopping ??= Promise.resolve(starting)
        .catch((_failedStart: unknown) => undefined)
        .then(stopAll));
    },
  };
}

/** In development mode alone, and only where nobody but this machine can ask. */
function createDesk(
  { mint }: Auth,
  { config, catalog = ownCatalog, logger }: ServerOptions,
  databaseUrl: string,
  openPool: () => Pool,
): Desk | undefined {
  if (mint === undefined || config.production || !isLoopback(config.host)) return undefined;
  // Samples and the demo write the documented tables by the documented names.
  const withTables = ownCatalog.families.every((family) => catalog.families.includes(family));
  return new Desk({ mint, databaseUrl, pool: openPool(), logger, withTables });
}

/** Tells the other workers whenever this one begins or ceases to be ready. */
function reportReadiness(link: WorkerLink, isReady: () => boolean): () => Promise<void> {
  let told: boolean | undefined;
  const tell = () => {
    const ready = isReady();
    if (ready !== told) link.report((told = ready));
  };
  tell();
  const timer = setInterval(tell, readinessMs);
  return async () => {
    clearInterval(timer);
    link.report(false);
  };
}

/** With a link, that of all workers: whoever asks is answered by any of them. */
function readiness(realtime: Realtime, draining: boolean, link?: WorkerLink): Readiness {
  const trouble = realtime.feed.trouble();
  const others = link?.allReady ?? true;
  return {
    ready: trouble === null && !draining && others,
    checks: {
      // What is wrong with the database is in the log; the public is not told.
      log: trouble === null ? { ok: true } : { ok: false, detail: 'the database or its log cannot be read' },
      draining: draining ? { ok: false, detail: 'the server is stopping' } : { ok: true },
      ...(link && { workers: others ? { ok: true } : { ok: false, detail: 'not all workers are ready' } }),
    },
  };
}

/** A database that does not say goodbye is not waited for: its queries fail by themselves. */
async function endOf(pool: Pool): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, goodbyeMs);
  });
  await Promise.race([pool.end(), patience]);
  clearTimeout(timer);
}
