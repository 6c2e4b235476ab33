/** `migrate`: brings the database up to date, or says what that would take. */
import type { Command } from 'commander';
import { checkServer } from '../database/expectations.js';
import { migrate, pendingSteps } from '../database/migrate.js';
import { catalogOf, loadProject } from '../project.js';
import { activityOf } from './activity.js';
import { withDatabase } from './database.js';
import { print } from './print.js';
import { Progress } from './progress.js';
import { readSettings } from './settings.js';

interface Options {
  readonly dryRun?: true;
  readonly json?: true;
  readonly repair?: true;
}

export function register(program: Command): void {
  program
    .command('migrate')
    .description('Bring the database up to date: tables, functions and triggers, all or nothing.')
    .option('--dry-run', 'only print the steps that are pending')
    .option('--repair', 'install functions and triggers again, though they are recorded as installed')
    .option('--json', 'print {"steps": […]}')
    .addHelpText(
      'after',
      `
Any number may run at once: they take turns. An up-to-date database gets no DDL. DDL waits 2 s for a lock at most and is
tried again, so that services are not held up.

Examples:
  $ hashi-socket migrate --dry-run
  $ DATABASE_URL=postgres://owner:password@db/app hashi-socket migrate`,
    )
    .action(async ({ dryRun, json, repair }: Options, command: Command) => {
      const { config } = readSettings();
      const catalog = catalogOf(await loadProject());
      const steps = await withDatabase(config, async (client, url) => {
        if (dryRun === true) {
          await checkServer(client);
          return pendingSteps(client, catalog, undefined, repair);
        }
        const pending = await pendingSteps(client, catalog, undefined, repair);
        const done: string[] = [];
        const progress = new Progress({
          isTTY: process.stdout.isTTY,
          write: (text) => command.configureOutput().writeOut?.(text),
        });
        const activity = await activityOf(client, url);
        try {
          await migrate(client, {
            catalog,
            ...(repair && { repair }),
            onStep(step) {
              done.push(step);
              if (json === true) return;
              // A try that had to be given up begins at the first step again.
              progress.say(`[${((done.length - 1) % pending.length) + 1}/${pending.length}] ${step}`);
              progress.begin(() => activity.describe());
            },
          });
        } finally {
          progress.end();
          await activity.end();
        }
        return done;
      });
      if (json === true) print(command, JSON.stringify({ steps: [...new Set(steps)] }));
      else if (steps.length === 0) print(command, 'The database is up to date.');
      else if (dryRun === true) print(command, ['Pending:', ...steps.map((step) => `  ${step}`)].join('\n'));
      else print(command, 'The database has been brought up to date.');
    });
}
