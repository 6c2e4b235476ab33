/** `serve --workers`: one process a core behind one port, and a primary that looks after them. */
import { availableParallelism } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { createAuth } from '../auth/index.js';
import { colorWanted, loadConfig } from '../config.js';
import { openDatabase } from '../database/open.js';
import { catalogOf, hooksOf, loadProject } from '../project.js';
import { createLogger } from '../telemetry/logger.js';
import { createPrimary } from '../workers/primary.js';
import { banner } from './banner.js';
import { exitOnBugs } from './serve.js';
import { createShutdown } from './signals.js';

const mostWorkers = 128;
/** The player of the development token that is printed at start. */
const developmentPlayer = 'player-1';

export function workersOf(text: string): number {
  if (text === 'auto') return availableParallelism();
  const workers = Number(text);
  if (Number.isInteger(workers) && workers >= 1 && workers <= mostWorkers) return workers;
  throw new InvalidArgumentError(`It must be auto, or a whole number from 1 to ${mostWorkers}.`);
}

/**
 * Brings the database up to date once, starts an embedded one once, and then leaves the serving to the workers.
 * @throws OperatorError when a worker cannot start
 */
export async function serveByWorkers(workers: number): Promise<never> {
  const { config, warnings } = loadConfig();
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    color: colorWanted(process.stderr),
  });
  for (const warning of warnings) logger.warn(warning);
  exitOnBugs(logger);

  const project = await loadProject();
  const database = await openDatabase(config, catalogOf(project), logger);
  const primary = createPrimary({
    workers,
    env: { DATABASE_URL: database.url, MIGRATE_ON_START: 'false' },
    logger,
  });
  let stopping = false;
  const onSignal = createShutdown({
    async stop() {
      await primary.stop();
      await database.stop();
    },
    exit(code) {
      if (code !== 0) primary.kill();
      process.exit(code);
    },
    onStopping(signal) {
      stopping = true;
      logger.info({ signal, drainMs: config.drainMs, workers }, 'stopping');
    },
    onError: (error) => logger.error({ err: error }, 'could not stop cleanly'),
  });
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  try {
    const port = await primary.start();
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    const started = {
      url: `http://${host}:${port}`,
      databaseUrl: database.url,
      embedded: database.embedded,
      ...(hooksOf(project).authenticate ? {} : await developmentToken(config)),
    };
    logger.info({ url: started.url, workers }, 'listening');
    if (!stopping) process.stdout.write(banner(started));
  } catch (error) {
    if (!stopping) {
      await database.stop();
      throw error;
    }
    logger.debug({ err: error }, 'the start was given up');
  }
  return new Promise<never>(() => undefined);
}

async function developmentToken(config: Parameters<typeof createAuth>[0]) {
  const { authenticator, mint } = await createAuth(config);
  const token = await mint?.({ playerId: developmentPlayer });
  authenticator.stop();
  return token === undefined ? {} : { developmentToken: token };
}
