/** Writes a command's result to standard output, or to where a test has pointed the program. */
import type { Command } from 'commander';

export function print(command: Command, text: string): void {
  command.configureOutput().writeOut?.(`${text}\n`);
}
