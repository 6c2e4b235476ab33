/** `resync`: has every client read the state again, after changes that no trigger has seen. */
import type { Command } from 'commander';
import { withDatabase } from './database.js';
import { print } from './print.js';
import { readSettings } from './settings.js';

export function register(program: Command): void {
  program
    .command('resync')
    .description('Tell every client to read the state again (RESYNC_REQUIRED).')
    .addHelpText(
      'after',
      `
For changes that no trigger has seen: rows that were restored with --disable-triggers, written with
session_replication_role = replica, or while a trigger was missing. Clients that are connected are told at once, others
when they resume. In SQL it is "select realtime.resync()", which may stand in the transaction of the changes.

Examples:
  $ hashi-socket resync
  $ psql "$DATABASE_URL" -c 'select realtime.resync()'`,
    )
    .action(async (_options: object, command: Command) => {
      const { config } = readSettings();
      await withDatabase(config, (client) => client.query('select realtime.resync()'));
      print(command, 'Every client is told to read the state again.');
    });
}
