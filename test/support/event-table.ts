/** The README's table of events, made from the catalogue so that the two cannot disagree. */
import type { Catalog, Family } from '../../src/catalog/index.js';
import type { EventDefinition } from '../../src/catalog/family.js';

/** Markdown, a row an event, in the catalogue's order. */
export function eventTable({ families }: Catalog): string {
  const rows = families.flatMap((family) =>
    Object.entries(family.events).map(
      ([type, event]) => `| \`${type}\` | ${when(family, event)} | ${who(family, event)} |`,
    ),
  );
  return ['| event | is sent when | to |', '|---|---|---|', ...rows].join('\n');
}

function when(family: Family, { transition, relation }: EventDefinition): string {
  const { name } = relation?.table ?? family.table;
  switch (transition.kind) {
    case 'inserted':
      return `a row of \`${name}\` is inserted`;
    case 'inserted-with':
      return `a row of \`${name}\` is inserted with \`${transition.column}\` \`${transition.value}\``;
    case 'becomes': {
      const { column, value, where } = transition;
      const also = where ? `, in a row with \`${where.column}\` \`${where.value}\`` : '';
      return `\`${name}.${column}\` becomes \`${value}\`${also}`;
    }
    case 'set':
      return `\`${name}.${transition.column}\` is set${transition.byInsert ? ', by INSERT too' : ''}`;
    case 'deleted':
      return `a row of \`${name}\` is deleted`;
    case 'deleted-or-set':
      return `\`${name}.${transition.column}\` is set, or the row is deleted without it`;
  }
}

function who({ audience }: Family, { alsoPlayer }: EventDefinition): string {
  switch (audience.kind) {
    case 'everyone':
      return 'every client';
    case 'room':
      return `the ${audience.prefix}'s room${alsoPlayer === undefined ? '' : ` and \`${alsoPlayer}\``}`;
    case 'player':
      return `the player in \`${audience.column}\``;
  }
}
