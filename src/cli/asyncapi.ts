/** `asyncapi`: prints the AsyncAPI document of the raw protocol. */
import type { Command } from 'commander';
import { catalogOf, loadProject } from '../project.js';
import { print } from './print.js';

export function register(program: Command): void {
  program
    .command('asyncapi')
    .description("Print the raw protocol as an AsyncAPI 3 document, the project's own events included.")
    .option('--json', 'JSON, which it is anyway')
    .addHelpText(
      'after',
      `
Examples:
  $ hashi-socket asyncapi > asyncapi.json
  $ hashi-socket asyncapi | jq '.components.messages | keys'`,
    )
    .action(async (_: unknown, command: Command) => {
      const { asyncApi } = await import('../docs/asyncapi.js');
      const document = asyncApi(catalogOf(await loadProject()), command.version() ?? '');
      print(command, JSON.stringify(document, undefined, 2));
    });
}
