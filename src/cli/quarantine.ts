/** `quarantine`: lists events that could not be built, tells them after all, or lays them aside. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { catalogOf, loadProject } from '../project.js';
import { withDatabase } from './database.js';
import { ReportedFailure } from './failure.js';
import { print } from './print.js';
import { quarantined, settle, type Quarantined } from './quarantine/entries.js';
import { replay } from './quarantine/replay.js';
import { readSettings } from './settings.js';

interface Chosen {
  readonly all?: true;
  readonly json?: true;
}

export function register(program: Command): void {
  const quarantine = program
    .command('quarantine')
    .description('List events that could not be built; replay or drop them.')
    .addHelpText(
      'after',
      `
An event that cannot be built, because a service has renamed a column say, is stored without data, and its audience is
told RESYNC_REQUIRED at that moment. Once the cause is mended, "replay" builds it again from the row as it is now and
writes it to the log as a new event, at its place of now. What cannot be told any more (the row was deleted, or is in
another state by now) is left for "drop". Both need the role that migrates.

Examples:
  $ hashi-socket quarantine list
  $ hashi-socket quarantine replay --all
  $ hashi-socket quarantine replay 1234 --type contract.initialized
  $ hashi-socket quarantine drop 1234 1235`,
    );
  quarantine
    .command('list', { isDefault: true })
    .description('Show the events that could not be built and that nobody has seen to.')
    .option(
      '--json',
      'print [{"id", "at", "family", "table", "operation", "key", "types", "sqlstate", "message"}]',
    )
    .action(async ({ json }: Chosen, command: Command) => {
      const found = await withDatabase(readSettings().config, (client) => quarantined(client));
      if (json === true) return print(command, JSON.stringify(found, undefined, 2));
      print(command, found.length === 0 ? 'Every event could be built.' : found.map(line).join('\n'));
    });
  quarantine
    .command('replay')
    .description('Tell them from their rows as they are now.')
    .argument('[ids...]', 'which ones: the numbers that "list" shows', ids, [])
    .option('--all', 'all of them')
    .option('--type <type...>', 'the events to tell, where "list" does not know which they were')
    .option('--json', 'print [{"id", "result", "events" or "reason"}]')
    .action(async (which: string[], options: Chosen & { type?: string[] }, command: Command) => {
      const chosen = chosenBy(command, which, options);
      const { config } = readSettings();
      const catalog = catalogOf(await loadProject());
      const results = await withDatabase(config, async (client) => {
        const done = [];
        for (const entry of await quarantined(client, chosen)) {
          done.push({ id: entry.id, ...(await replay(client, catalog, entry, options.type)) });
        }
        return done;
      });
      const missing = missed(chosen, results);
      if (options.json === true) print(command, JSON.stringify(results, undefined, 2));
      else {
        const lines = results.map((one) =>
          one.result === 'replayed'
            ? `${one.id}  replayed  ${one.events.join(', ') || 'the row is gone: nothing to tell'}`
            : `${one.id}  kept      ${one.reason}`,
        );
        print(command, [...lines, ...missing].join('\n') || 'Every event could be built.');
      }
      if (missing.length > 0 || results.some(({ result }) => result === 'kept')) throw new ReportedFailure();
    });
  quarantine
    .command('drop')
    .description('Count and list them no longer; clients have been told to read the state again.')
    .argument('[ids...]', 'which ones: the numbers that "list" shows', ids, [])
    .option('--all', 'all of them')
    .action(async (which: string[], options: Chosen, command: Command) => {
      const chosen = chosenBy(command, which, options);
      const dropped = await withDatabase(readSettings().config, async (client) => {
        const entries = await quarantined(client, chosen);
        for (const { id } of entries) await settle(client, id, 'dropped');
        return entries;
      });
      const missing = missed(chosen, dropped);
      print(command, [`${dropped.length} dropped.`, ...missing].join('\n'));
      if (missing.length > 0) throw new ReportedFailure();
    });
}

function ids(text: string, before: string[]): string[] {
  if (!/^\d{1,18}$/.test(text))
    throw new InvalidArgumentError('It is a number that "quarantine list" shows.');
  return [...before, text];
}

/** Undefined: all of them. */
function chosenBy(
  command: Command,
  which: readonly string[],
  { all }: Chosen,
): readonly string[] | undefined {
  if (which.length > 0 === (all === true)) {
    command.error('error: say which ones by their numbers, or --all', { exitCode: 2 });
  }
  return all === true ? undefined : which;
}

const missed = (chosen: readonly string[] | undefined, found: readonly { id: string }[]): string[] =>
  (chosen ?? [])
    .filter((id) => !found.some((one) => one.id === id))
    .map((id) => `${id}  is not in quarantine: seen to already, or no longer kept`);

function line({ id, at, operation, table, key, types, message, sqlstate }: Quarantined): string {
  const what = types && types.length > 0 ? types.join(', ') : 'which event is not known';
  return `${id}  ${at.toISOString()}  ${operation} of ${table} ${JSON.stringify(key)}: ${what}\n    ${message} (${sqlstate})`;
}
