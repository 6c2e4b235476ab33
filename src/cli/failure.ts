/** Says on the terminal why a command failed: the operator's errors in their own words, others with a hint. */
import { OperatorError } from '../errors.js';
import { printableLines } from '../telemetry/printable.js';
import { scrubText } from '../telemetry/redaction.js';

/** A command that has failed, and has printed how: only the exit code is left to give. */
export class ReportedFailure extends Error {
  override readonly name = 'ReportedFailure';
}

/** One line, or a few, with the line break at the end; never a credential, never a stack. */
export function describeFailure(error: unknown): string {
  return printableLines(describe(error));
}

function describe(error: unknown): string {
  if (error instanceof OperatorError) return `hashi-socket: ${error.message.replace(/[^.!?]$/, '$&.')}\n`;
  const message = error instanceof Error ? error.message || error.name : String(error);
  const hint =
    'This was not expected: hashi-socket doctor checks the database; please report what it cannot explain.';
  return `hashi-socket: ${scrubText(message)}\n${hint}\n`;
}

/**
 * What goes to standard error, which others may keep: people paste tokens and URLs where none belong, and errors of usage
 * repeat what was typed. Of an option that there is not only the name is repeated.
 */
export function withoutCredentials(text: string): string {
  return scrubText(text.replace(/(unknown option '-[^=']*=)[^]*'/, "$1…'"));
}
