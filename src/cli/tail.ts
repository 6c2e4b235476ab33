/** `tail`: prints the log, one line an event, and follows it for as long as it runs. */
import type { Command } from 'commander';
import type pg from 'pg';
import { colorWanted } from '../config.js';
import { familiesByEvent } from '../catalog/index.js';
import { Feed } from '../log/feed.js';
import type { EntryFacts } from '../log/entry.js';
import { cursorOf } from '../log/position.js';
import { catalogOf, loadProject } from '../project.js';
import { scrubText } from '../telemetry/redaction.js';
import { databaseUrlOf, withDatabase } from './database.js';
import { EventFilter, list, typesAre } from './event-filter.js';
import { eventLine } from './event-line.js';
import { lobbyNames } from './lobby-names.js';
import { headOf, place, placeOf, readFrom } from './log-reader.js';
import { print } from './print.js';
import { readSettings } from './settings.js';

interface Options {
  readonly lobby?: string;
  readonly type?: readonly string[];
  readonly player?: string;
  readonly since?: string;
  readonly follow: boolean;
  readonly json?: true;
}

export function register(program: Command): void {
  program
    .command('tail')
    .description('Print events as they come: place, time, type, lobby, player, what is in it.')
    .option('--lobby <lobby>', 'only of this lobby: a UUID or a code')
    .option(
      '--type <types>',
      'only these: lobby.joined, a family such as lobby, or several with commas',
      list,
    )
    .option('--player <id>', 'only about this player')
    .option('--since <cursor>', 'first what came after it: a cursor, or a number such as 0 or 1234', place)
    .option('--no-follow', 'end at the end of the log')
    .option('--json', 'print one JSON object a line')
    .addHelpText(
      'after',
      `
It reads the database itself: no server needs to run. When the connection is lost it comes back and goes on where it was.

Examples:
  $ hashi-socket tail
  $ hashi-socket tail --lobby ABC123 --type lobby,storage.deleted
  $ hashi-socket tail --since 0 --no-follow --json | jq .data`,
    )
    .action(async (options: Options, command: Command) => {
      const { config } = readSettings();
      const catalog = catalogOf(await loadProject());
      const known = [...familiesByEvent(catalog).keys()];
      const wrong = options.type?.find((word) => !typesAre(word, known));
      if (wrong !== undefined) {
        command.error(`error: --type ${wrong} is no event: there are ${known.join(', ')}`, { exitCode: 2 });
      }
      const filter = new EventFilter(options);
      const color = options.json !== true && colorWanted(process.stdout);
      let epoch = '';
      const show = (entries: readonly EntryFacts[]) => {
        const lines = entries
          .filter((entry) => filter.admits(entry))
          .map((entry) =>
            options.json === true
              ? jsonLine(entry, cursorOf(epoch, entry.seq, entry.at))
              : eventLine(entry, color, process.stdout.isTTY ? process.stdout.columns : undefined),
          );
        if (lines.length > 0) print(command, lines.join('\n'));
      };
      const say = (text: string) => command.configureOutput().writeErr?.(`hashi-socket: ${text}\n`);

      const learnLobby = async (client: pg.ClientBase) => {
        const { lobby } = options;
        if (lobby === undefined) return;
        const names = await lobbyNames(client, catalog.lobbies, lobby);
        if (names?.length === 0)
          say(`there is no lobby ${lobby} now: only its events of the past, or to come.`);
        filter.learn(names ?? []);
      };

      if (!options.follow) {
        await withDatabase(config, async (client) => {
          await learnLobby(client);
          const head = await headOf(client);
          epoch = head.epoch;
          const from = options.since === undefined ? head.seq : await placeOf(client, options.since, say);
          await readFrom(client, from, head.seq, show);
        });
        return;
      }

      const url = await databaseUrlOf(config);
      // What comes while the past is being read waits for its turn.
      let waiting: EntryFacts[] | undefined = [];
      let down = false;
      const feed = new Feed({
        url,
        observer: {
          onEntries: (entries) => (waiting ? void waiting.push(...entries) : show(entries)),
          onGap(reason) {
            epoch = feed.epoch;
            say(`events are missing here: ${reason}.`);
          },
          onUp() {
            if (down) say('connected again.');
            down = false;
          },
          onDown(error) {
            if (!down) say(`the connection is lost, trying again: ${scrubText(error.message)}.`);
            down = true;
          },
        },
      });
      try {
        await withDatabase(config, async (client) => {
          await learnLobby(client);
          await feed.start();
          epoch = feed.epoch;
          // The feed goes on from here: what it has handed on meanwhile follows this place.
          const begun = waiting?.[0] === undefined ? feed.position : waiting[0].seq - 1;
          const from = options.since === undefined ? begun : await placeOf(client, options.since, say);
          await readFrom(client, from, begun, show);
        });
        const first = waiting;
        waiting = undefined;
        show(first);
        await new Promise<void>((resolve) => {
          for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
        });
      } finally {
        await feed.stop();
      }
    });
}

function jsonLine({ seq, type, room, player, effect, member, at, data }: EntryFacts, cursor: string): string {
  const about = { cursor, seq, at: new Date(at).toISOString(), type, room, player, effect, member };
  // The data is JSON already, digit-exact: it is not taken apart.
  return `${JSON.stringify(about).slice(0, -1)},"data":${data ?? 'null'}}`;
}
