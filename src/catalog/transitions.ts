/** When a row's change is an event, as SQL. */
import type { Transition } from './define.js';
import type { EventDefinition } from './family.js';
import { ident, literal } from './sql.js';

type Events = readonly (readonly [type: string, event: EventDefinition])[];

const isSet = (column: string) => `new.${ident(column)} is not null`;
/** Whether an UPDATE has changed the column. */
export const differs = (column: string) => `new.${ident(column)} is distinct from old.${ident(column)}`;

/** The condition under which an INSERT or a DELETE is the transition; null: never. */
function condition(transition: Transition, operation: 'INSERT' | 'DELETE'): string | null {
  switch (transition.kind) {
    case 'inserted':
      return operation === 'INSERT' ? 'true' : null;
    case 'inserted-with':
      return operation === 'INSERT' ? `new.${ident(transition.column)} = ${literal(transition.value)}` : null;
    case 'becomes':
      return null;
    case 'set':
      return operation === 'INSERT' && transition.byInsert ? isSet(transition.column) : null;
    case 'deleted':
      return operation === 'DELETE' ? 'true' : null;
    case 'deleted-or-set':
      return operation === 'DELETE' ? `old.${ident(transition.column)} is null` : null;
  }
}

/** What an UPDATE must change for the transition, and what must hold then; null: never. */
function change(transition: Transition): { column: string; holds: string } | null {
  switch (transition.kind) {
    case 'becomes': {
      const { column, value, where } = transition;
      const also = where ? ` and new.${ident(where.column)} = ${literal(where.value)}` : '';
      return { column, holds: `new.${ident(column)} = ${literal(value)}${also}` };
    }
    case 'set':
    case 'deleted-or-set':
      return { column: transition.column, holds: isSet(transition.column) };
    case 'inserted':
    case 'inserted-with':
    case 'deleted':
      return null;
  }
}

/** Notes an event, with what it brings besides. */
const noted = ([type, { effect }]: Events[number]) =>
  `events := events || text ${literal(type)};${effect === 'close' ? ` effect := 'close';` : ''}`;

/** Fills `events` with what an INSERT or a DELETE is. */
export function operationLines(events: Events, operation: 'INSERT' | 'DELETE'): string[] {
  return events.flatMap((named) => {
    const when = condition(named[1].transition, operation);
    if (when === null) return [];
    return [when === 'true' ? noted(named) : `if ${when} then ${noted(named)} end if;`];
  });
}

/**
 * Fills `events` with what an UPDATE is. Most columns are as they were: nothing but that is asked of each, for an expression costs by
 * its length, anew in every transaction.
 */
export function updateLines(events: Events): string[] {
  const lines: string[] = [];
  let last: string | undefined;
  for (const named of events) {
    const changed = change(named[1].transition);
    if (changed === null) continue;
    if (changed.column !== last) {
      if (last !== undefined) lines.push('end if;');
      lines.push(`if ${differs(changed.column)} then`);
    }
    lines.push(`  if ${changed.holds} then ${noted(named)} end if;`);
    last = changed.column;
  }
  return last === undefined ? lines : [...lines, 'end if;'];
}
