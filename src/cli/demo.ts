/** `demo`: the server, and beside it a separate process that writes the tables as a service would. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, type Command } from 'commander';
import type { Config } from '../config.js';
import { OperatorError } from '../errors.js';
import type { Logger } from '../telemetry/logger.js';
import { serve, type Companion } from './serve.js';

const defaultRate = 4;
const restartMs = 1_000;

export function register(program: Command): void {
  program
    .command('demo')
    .description('Run the server with lobbies, contracts, files and bounties that live on their own.')
    .option('--rate <changes>', 'changes a second, 0.1 to 1000', rateOf, defaultRate)
    .addHelpText(
      'after',
      `
A second process writes the tables with plain SQL and knows nothing of events. player-1, whose token is printed, takes
part in most lobbies. What the demo has made it removes again; nothing else in the database is touched.

Examples:
  $ hashi-socket demo
  $ hashi-socket demo --rate 20
  $ hashi-socket tail                     in another terminal: every event as a line`,
    )
    .action(async ({ rate }: { rate: number }) => {
      await serve(async () => (await import('../server.js')).createServer, service(rate), refuseProduction);
    });
}

function rateOf(text: string): number {
  const rate = Number(text);
  if (!(rate >= 0.1 && rate <= 1_000))
    throw new InvalidArgumentError('It must be a number from 0.1 to 1000.');
  return rate;
}

function refuseProduction({ production }: Config): void {
  if (production) {
    throw new OperatorError(
      'NODE_ENV is production, and the demo writes made-up rows: run "hashi-socket serve" there, or unset NODE_ENV.',
    );
  }
}

/** The process that plays the service; started again when it ends, until the server stops. */
function service(rate: number): Companion {
  let child: ChildProcess | undefined;
  let restart: NodeJS.Timeout | undefined;
  let stopped = false;

  function run(databaseUrl: string, logger: Logger): void {
    // The same kind of file as this one: TypeScript when run from the sources, JavaScript when built.
    const path = fileURLToPath(new URL('../demo/main.js', import.meta.url)).replace(
      /\.js$/,
      import.meta.url.endsWith('.ts') ? '.ts' : '.js',
    );
    // The channel is how the child notices that this process is gone, however it went. The URL has a password in it:
    // the environment is for the owner's eyes alone, arguments are not.
    child = fork(path, [], {
      env: { ...process.env, DATABASE_URL: databaseUrl, DEMO_RATE: String(rate) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const again = (reason: string) => {
      if (stopped) return;
      logger.warn({ reason }, 'the demo has stopped, it starts again');
      clearTimeout(restart);
      restart = setTimeout(() => run(databaseUrl, logger), restartMs);
    };
    child.on('error', (error) => again(error.message));
    child.on('exit', (code, signal) => again(signal ?? `exit code ${code}`));
  }

  return {
    start(started, logger) {
      run(started.databaseUrl, logger);
      return `The demo writes ${rate} changes a second${
        started.developmentToken === undefined ? '' : ', most of them about player-1'
      }: open the console above, or see
every event as a line:
  hashi-socket tail          (from the sources: npm start -- tail)

`;
    },
    stop() {
      stopped = true;
      clearTimeout(restart);
      child?.kill('SIGTERM');
    },
  };
}
