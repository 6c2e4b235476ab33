/** Says in words when an event is sent and to whom. */
import type { EventDefinition, Family } from '../catalog/index.js';

/** Markdown, to follow "is sent when". */
export function whenSent(family: Family, { transition, relation }: EventDefinition): string {
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

/** Markdown, to follow "is sent to". */
export function sentTo({ audience }: Family, event?: EventDefinition): string {
  switch (audience.kind) {
    case 'everyone':
      return 'every connected client';
    case 'room':
      return `the ${audience.prefix}'s room${event?.alsoPlayer === undefined ? '' : ` and the player in \`${event.alsoPlayer}\``}`;
    case 'player':
      return `the player in \`${audience.column}\``;
  }
}
