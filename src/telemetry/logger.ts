/** The log: pino, with every credential taken out of a line before it is written, in JSON or for people. */
import { pino, type Logger } from 'pino';
import { prettyLine } from './pretty.js';
import { scrub } from './redaction.js';
import { expandErrors } from './serialize-error.js';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  readonly format: 'json' | 'pretty';
  /** Colours for `pretty`; off by default. */
  readonly color?: boolean;
  /** Takes whole lines, each with its line break; standard error by default, because standard output is for data. */
  readonly destination?: { write(line: string): unknown };
}

/** Errors are expanded with their causes wherever they stand in the entry; `err` is the usual key. */
export function createLogger({ level, format, color = false, destination }: LoggerOptions): Logger {
  const sink = destination ?? standardError();
  return pino(
    {
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: expandErrors },
      formatters: {
        level: (label) => ({ level: label }),
        log: (entry) => expandErrors(entry) as Record<string, unknown>,
      },
    },
    {
      // Cleaning the finished line, not its parts, also covers child bindings and text put into the message.
      write(line: string) {
        const entry = scrub(JSON.parse(line)) as Record<string, unknown>;
        sink.write(`${format === 'json' ? JSON.stringify(entry) : prettyLine(entry, color)}\n`);
      },
    },
  );
}

/** Synchronous, so that the last line before an exit is not lost. */
function standardError() {
  const stream = pino.destination({ dest: 2, sync: true });
  // Nobody reads the log any more (`… 2>&1 | head`): no reason to stop serving.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stream.write = () => true;
  });
  return stream;
}
