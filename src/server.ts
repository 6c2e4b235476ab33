/** Builds the server from its parts, starts them in order and stops them in reverse. */
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createAuth } from './auth/index.js';
import { catalog as ownCatalog } from './catalog/index.js';
import type { Config } from './config.js';
import { createPool } from './database/client.js';
import { openDatabase, type OpenDatabase } from './database/open.js';
import { OperatorError } from './errors.js';
import { createHttpHandler, type Readiness } from './http/server.js';
import { loadPages } from './http/pages.js';
import { Realtime } from './realtime.js';
import type { Logger } from './telemetry/logger.js';
import { createMetrics } from './telemetry/metrics.js';

export interface ServerOptions {
  readonly config: Config;
  readonly logger: Logger;
}

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
  /** @throws OperatorError when it cannot start; nothing is left running then */
  start(): Promise<StartedServer>;
  /** Drains, then stops everything; can be called twice, and while it starts. */
  stop(): Promise<void>;
}

/** The player of the development token that is printed at start. */
const developmentPlayer = 'player-1';

export function createServer({ config, logger }: ServerOptions): HashiServer {
  /** What stops the parts that run, the last one first. */
  const running: (() => Promise<void>)[] = [];
  let draining = false;
  let starting: Promise<StartedServer> | undefined;
  let stopping: Promise<void> | undefined;

  async function start(): Promise<StartedServer> {
    const metrics = createMetrics();
    const database: OpenDatabase = await openDatabase(config, ownCatalog, logger);
    running.push(() => database.stop());

    const auth = await createAuth(config, {
      onError: (error) => logger.warn({ err: error }, 'the key server did not give usable keys'),
    });
    running.push(async () => auth.authenticator.stop());

    const pool = createPool({
      url: database.url,
      applicationName: 'hashi-socket',
      max: config.poolSize,
      logger,
    });
    running.push(() => pool.end());
    const adapterPool = createPool({
      url: database.url,
      applicationName: 'hashi-socket adapter',
      max: 3,
      logger,
    });
    running.push(() => adapterPool.end());

    const http = createHttpServer({
      // Slow handshakes hold a socket no longer than this.
      headersTimeout: config.upgradeTimeoutMs,
      requestTimeout: config.upgradeTimeoutMs * 3,
      connectionsCheckingInterval: Math.min(5000, config.upgradeTimeoutMs),
      maxHeaderSize: 16 << 10,
    });
    const realtime: Realtime = new Realtime({
      config,
      logger,
      metrics,
      http,
      pool,
      adapterPool,
      databaseUrl: database.url,
      authenticator: auth.authenticator,
      catalog: ownCatalog,
      pages: createHttpHandler({
        metrics,
        readiness: () => readiness(realtime, draining),
        metricsToken: config.metricsToken,
        pages: await loadPages(),
        logger,
      }),
      ready: () => readiness(realtime, draining).ready,
    });
    await realtime.start();
    running.push(() => realtime.stop());

    const port = await listen(http, config);
    running.push(() => closeHttp(http));
    running.push(() => realtime.drain(config.drainMs));

    const developmentToken = await auth.mint?.({ playerId: developmentPlayer });
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    const url = `http://${host}:${port}`;
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

function readiness(realtime: Realtime, draining: boolean): Readiness {
  const trouble = realtime.feed.trouble();
  return {
    ready: trouble === null && !draining,
    checks: {
      // What is wrong with the database is in the log; the public is not told.
      log: trouble === null ? { ok: true } : { ok: false, detail: 'the database or its log cannot be read' },
      draining: draining ? { ok: false, detail: 'the server is stopping' } : { ok: true },
    },
  };
}

async function listen(http: HttpServer, { host, port }: Config): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      reject(new OperatorError(describeListenError(error, host, port), { cause: error }));
    });
    http.listen(port, host, resolve);
  });
  const address = http.address();
  return typeof address === 'object' && address !== null ? address.port : port;
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

async function closeHttp(http: HttpServer): Promise<void> {
  await new Promise<void>((resolve) => {
    http.close(() => resolve());
    http.closeAllConnections();
  });
}
