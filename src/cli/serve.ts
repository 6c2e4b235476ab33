/** `serve`: runs the server until a signal ends it. */
import cluster from 'node:cluster';
import type { Command } from 'commander';
import { colorWanted, loadConfig, type Config } from '../config.js';
import type { Catalog } from '../catalog/index.js';
import type { Hooks } from '../hooks.js';
import { catalogOf, hooksOf, loadProject } from '../project.js';
import { createLogger, type Logger } from '../telemetry/logger.js';
import { banner } from './banner.js';
import { joinCluster, type WorkerLink } from '../workers/link.js';
import { createShutdown } from './signals.js';
import { serveByWorkers, workersOf } from './workers.js';

/** What starting the server tells. */
export interface StartedServer {
  /** Where it listens, `http://127.0.0.1:3000`. */
  readonly url: string;
  /** For the console; in development mode alone. */
  readonly developmentToken?: string;
  readonly databaseUrl: string;
  /** Whether the database is our own. */
  readonly embedded: boolean;
}

/** What is expected of `src/server.ts`. */
export interface Server {
  start(): Promise<StartedServer>;
  /** Drains, then stops; also while it starts. */
  stop(): Promise<void>;
}

export type CreateServer = (parts: {
  config: Config;
  logger: Logger;
  catalog: Catalog;
  hooks: Hooks;
  link?: WorkerLink;
}) => Server;

/** What a command adds to a plain `serve`. */
export interface Companion {
  /** Called once the server listens; what it returns is printed after the banner. */
  start(started: StartedServer, logger: Logger): string;
  /** Called first of all when a signal comes. */
  stop(): void;
}

export function register(program: Command): void {
  program
    .command('serve', { isDefault: true })
    .description('Run the server (the default command).')
    .option(
      '--workers <number>',
      'processes behind the one port: a number, or auto for one a core',
      workersOf,
      1,
    )
    .addHelpText(
      'after',
      `
Examples:
  $ hashi-socket
  $ PORT=8080 ALLOWED_ORIGINS=https://app.example.com hashi-socket serve
  $ NODE_ENV=production DATABASE_URL=postgres://… PRIVY_APP_ID=my-app hashi-socket serve
  $ hashi-socket serve --workers auto       one process for each core, behind one port

All settings: hashi-socket config.`,
    )
    // A misspelt command arrives here, the default, as an argument.
    .allowExcessArguments()
    .action(async ({ workers }: { workers: number }, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) command.error(`error: unknown command '${word}'`, { exitCode: 2 });
      if (workers > 1 && cluster.isPrimary) await serveByWorkers(workers);
      else await serve(async () => (await import('../server.js')).createServer);
    });
}

/**
 * Resolves never: the process ends by a signal or a failure.
 * @param load gives the server's code, once the settings are known to be right
 * @param check what else must hold of the settings; throws OperatorError
 * @throws OperatorError when the server cannot start
 */
export async function serve(
  load: () => Promise<CreateServer>,
  companion?: Companion,
  check: (config: Config) => void = () => undefined,
): Promise<never> {
  const { config, warnings } = loadConfig();
  check(config);
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    color: colorWanted(process.stderr),
  });
  // The primary has said them.
  if (!cluster.isWorker) for (const warning of warnings) logger.warn(warning);
  exitOnBugs(logger);

  const project = await loadProject();
  const createServer = await load();
  const link = cluster.isWorker ? await joinCluster() : undefined;
  const server = createServer({
    config,
    logger,
    catalog: catalogOf(project),
    hooks: hooksOf(project),
    ...(link && { link }),
  });
  let stopping = false;
  const onSignal = createShutdown({
    stop: () => server.stop(),
    exit: (code) => process.exit(code),
    onStopping(signal) {
      stopping = true;
      companion?.stop();
      logger.info({ signal, drainMs: config.drainMs }, 'stopping');
    },
    onError: (error) => logger.error({ err: error }, 'could not stop cleanly'),
  });
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  try {
    const started = await server.start();
    if (!stopping && !link) process.stdout.write(banner(started) + (companion?.start(started, logger) ?? ''));
  } catch (error) {
    // A start that a signal has cut short may fail as it likes: the signal's exit code counts.
    if (!stopping) throw error;
    logger.debug({ err: error }, 'the start was given up');
  }
  return new Promise<never>(() => undefined);
}

/** After a bug the state is unknown: saying so and ending is safer than going on; whoever runs us starts us again. */
export function exitOnBugs(logger: Logger): void {
  const end = (kind: string) => (error: unknown) => {
    logger.fatal({ err: error }, `${kind}: this is a bug, the process ends`);
    process.exit(1);
  };
  // In front of the listeners of main.ts, which print for a person.
  process.prependListener('uncaughtException', end('uncaught exception'));
  process.prependListener('unhandledRejection', end('unhandled rejection'));
}
