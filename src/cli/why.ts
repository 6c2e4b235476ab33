/** `why`: says whether an event was sent to a player, and which rule decided. */
import type { Command } from 'commander';
import { familiesByEvent } from '../catalog/index.js';
import { cursorOf } from '../log/position.js';
import { catalogOf, loadProject } from '../project.js';
import { OperatorError } from '../errors.js';
import { withDatabase } from './database.js';
import { readEntry } from './delivery/entry.js';
import { membershipAt } from './delivery/membership.js';
import { decide } from './delivery/rules.js';
import { mayHaveSubscribed } from './delivery/subscription.js';
import { headOf, place, seqOf } from './log-reader.js';
import { print } from './print.js';
import { readSettings } from './settings.js';

export function register(program: Command): void {
  program
    .command('why')
    .description('Explain why an event was sent to a player, or why not.')
    .argument('<event>', 'its "id", or its number in "hashi-socket tail"', place)
    .argument('<player>', "the player's id, the token's sub")
    .option('--json', 'print {"sent", "rule", "reason", …}')
    .addHelpText(
      'after',
      `
It decides by the event and by the player's joins and leaves before it, as the server does. Whether the player had a
connection at that moment is recorded nowhere: "sent" means to every connection it had, and by resume to those that
came back. "subscription" means: only to connections that had subscribed.

Examples:
  $ hashi-socket why 1234 player-2
  $ hashi-socket why 9f1c2ab34d5e-ya player-2 --json`,
    )
    .action(async (event: string, player: string, { json }: { json?: true }, command: Command) => {
      const { config } = readSettings();
      const catalog = catalogOf(await loadProject());
      const answer = await withDatabase(config, async (client) => {
        const head = await headOf(client);
        const seq = seqOf(event, head.epoch);
        const entry = await readEntry(client, seq);
        if (entry === null) {
          throw new OperatorError(
            seq > head.seq
              ? `There is no event #${seq} yet: the log ends at #${head.seq}.`
              : `Event #${seq} is no longer kept: HASHI_RETENTION_HOURS and HASHI_RETENTION_EVENTS say for how long events are.`,
          );
        }
        const membership = await membershipAt(client, catalog, entry, player);
        const decision = decide({
          entry,
          player,
          membership,
          subscribable:
            !membership.member && (await mayHaveSubscribed(client, catalog.lobbies, entry, player)),
          known: familiesByEvent(catalog).has(entry.type),
          maxEventBytes: config.maxEventBytes,
        });
        return { entry, cursor: cursorOf(head.epoch, seq), ...decision };
      });
      const { entry, cursor, sent, rule, reason } = answer;
      const at = new Date(entry.at).toISOString();
      if (json === true) {
        print(
          command,
          JSON.stringify({ seq: entry.seq, cursor, type: entry.type, at, player, sent, rule, reason }),
        );
        return;
      }
      const verdict = {
        yes: `was sent to ${player}`,
        no: `was not sent to ${player}`,
        subscription: `was sent to ${player} only by subscription`,
      }[sent];
      print(command, `#${entry.seq} ${entry.type} of ${at} ${verdict} (rule: ${rule}).\n${reason}`);
    });
}
