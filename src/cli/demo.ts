/** `demo`: the server, and beside it a separate process that writes the tables as a service would. */
import { InvalidArgumentError, type Command } from 'commander';
import type { Config } from '../config.js';
import { DemoProcess } from '../demo/process.js';
import { OperatorError } from '../errors.js';
import { serve, type Companion } from './serve.js';

const defaultRate = 4;

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

/** The process that plays the service, for as long as the server runs. */
function service(rate: number): Companion {
  let demo: DemoProcess | undefined;
  return {
    start({ databaseUrl, developmentToken }, logger) {
      demo = new DemoProcess({ databaseUrl, rate, logger });
      demo.start();
      return `The demo writes ${rate} changes a second${
        developmentToken === undefined ? '' : ', most of them about player-1'
      }: open the console above, or see
every event as a line:
  hashi-socket tail          (from the sources: npm start -- tail)

`;
    },
    stop() {
      void demo?.stop();
    },
  };
}
