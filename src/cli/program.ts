/** The command line: its commands, and the exit codes 0 done, 1 failed, 2 wrong usage. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import * as asyncapi from './asyncapi.js';
import * as config from './config.js';
import * as demo from './demo.js';
import * as doctor from './doctor.js';
import { describeFailure, ReportedFailure, withoutCredentials } from './failure.js';
import * as install from './install.js';
import * as migrate from './migrate.js';
import * as resync from './resync.js';
import * as quarantine from './quarantine.js';
import * as serve from './serve.js';
import * as tail from './tail.js';
import * as token from './token.js';
import * as uninstall from './uninstall.js';
import * as why from './why.js';
import { printableLines } from '../telemetry/printable.js';

/** What the file of a command exports: adds it to the program, and loads what it needs when it runs. */
interface CommandFile {
  register(program: Command): void;
}

const commands: readonly CommandFile[] = [
  serve,
  demo,
  migrate,
  install,
  resync,
  uninstall,
  doctor,
  quarantine,
  token,
  tail,
  why,
  config,
  asyncapi,
];

export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/**
 * @param args without `node` and the script
 * @returns the exit code
 */
export async function run(args: readonly string[], output: Output = standardStreams): Promise<0 | 1 | 2> {
  try {
    await createProgram(output).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Help and version end in an error with exit code 0, a command that cannot be understood in another.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof ReportedFailure)) output.err(describeFailure(error));
    return 1;
  }
}

export function createProgram(output: Output = standardStreams): Command {
  const version = packageVersion();
  const program = new Command('hashi-socket')
    .description('Turns changes of rows in Postgres into a realtime API over WebSocket and Socket.IO.')
    .version(version)
    .configureOutput({
      writeOut: (text) => output.out(printableLines(text)),
      writeErr: (text) => output.err(printableLines(withoutCredentials(text))),
    })
    .showHelpAfterError('Run it with --help for usage.')
    .showSuggestionAfterError()
    .exitOverride();
  for (const command of commands) command.register(program);
  for (const command of program.commands) command.version(version);
  return program;
}

const standardStreams: Output = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
