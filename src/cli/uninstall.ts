/** `uninstall`: takes the triggers and the schema out of a database again. */
import type { Command } from 'commander';
import { uninstall, uninstallStatements } from '../database/uninstall.js';
import { withDatabase } from './database.js';
import { print } from './print.js';
import { readSettings } from './settings.js';

interface Options {
  readonly dryRun?: true;
  readonly yes?: true;
}

export function register(program: Command): void {
  program
    .command('uninstall')
    .description(
      'Take everything of this server out of the database: triggers, functions, the log. Tables stay.',
    )
    .option('--dry-run', 'only print the SQL')
    .option('--yes', 'do it: the log, and with it what clients could resume from, is gone then')
    .addHelpText(
      'after',
      `
Stop every instance first, or the next one to start installs it again.

Examples:
  $ hashi-socket uninstall --dry-run
  $ hashi-socket uninstall --yes`,
    )
    .action(async ({ dryRun, yes }: Options, command: Command) => {
      if (dryRun !== true && yes !== true) {
        command.error('error: say --yes to do it, or --dry-run to see what would be done', { exitCode: 2 });
      }
      const { config } = readSettings();
      const statements = await withDatabase(config, (client) =>
        dryRun === true ? uninstallStatements(client) : uninstall(client),
      );
      if (statements.length === 0) print(command, 'Nothing is installed.');
      else print(command, statements.map((statement) => `${statement};`).join('\n'));
    });
}
