#!/usr/bin/env node
/** The command line's entry: runs one command and turns how it ended into an exit code. */
import { run } from './program.js';
import { describeFailure } from './failure.js';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader has gone (`… | head`): what it wanted to know it knows.
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.stderr.write(describeFailure(error));
    process.exit(1);
  });
}

const code = await run(process.argv.slice(2));
// Explicit, so that a connection left open by a failure cannot keep the process; after the output, which may be a pipe.
process.stdout.write('', () => process.exit(code));
