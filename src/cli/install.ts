/** `install`: puts schema, functions and triggers into a database that has its business tables, or prints the SQL. */
import type { Command } from 'commander';
import type pg from 'pg';
import { migrate, migrationSql } from '../database/migrate.js';
import { catalogOf, loadProject } from '../project.js';
import { withDatabase } from './database.js';
import { print } from './print.js';
import { readSettings } from './settings.js';

export function register(program: Command): void {
  program
    .command('install')
    .description('Put schema, functions and triggers into a database whose business tables exist already.')
    .option('--dry-run', 'only print the SQL: the whole of it, in order, for psql')
    .addHelpText(
      'after',
      `
Tables are never made, and nothing of them is changed but for two triggers each. Other names of tables and columns stand
in the mapping of hashi-socket.config. The role needs to own the schema "realtime", and USAGE, SELECT and TRIGGER on the
tables and their schema: deploy/roles.sql has the statements. Then "hashi-socket migrate" keeps it up to date.

Examples:
  $ hashi-socket install --dry-run > install.sql
  $ psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f install.sql
  $ hashi-socket install`,
    )
    .action(async ({ dryRun }: { dryRun?: true }, command: Command) => {
      const { config } = readSettings();
      const options = { catalog: catalogOf(await loadProject()), existingTables: true } as const;
      if (dryRun === true) {
        const statements = await withDatabase(config, (client) =>
          undone(client, () => migrationSql(client, options)),
        );
        print(command, statements.length === 0 ? '-- Everything is installed.' : statements.join('\n\n'));
        return;
      }
      const steps = await withDatabase(config, (client) =>
        migrate(client, { ...options, onStep: (step) => print(command, step) }),
      );
      print(command, steps === 0 ? 'Everything is installed.' : 'Installed.');
    });
}

/** Whatever it does is rolled back: the database itself makes sure that nothing is touched. */
async function undone<T>(client: pg.ClientBase, look: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    return await look();
  } finally {
    await client.query('rollback');
  }
}
