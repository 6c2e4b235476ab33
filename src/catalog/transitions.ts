/** When a row's change is an event, as SQL. */
import type { Transition } from './define.js';
import { ident, literal } from './sql.js';

type Operation = 'INSERT' | 'UPDATE' | 'DELETE';

const isSet = (column: string) => `new.${ident(column)} is not null`;
/** Whether an UPDATE has changed the column. */
export const differs = (column: string) => `new.${ident(column)} is distinct from old.${ident(column)}`;

/** The condition under which an operation is the transition; null: never. */
export function condition(transition: Transition, operation: Operation): string | null {
  switch (transition.kind) {
    case 'inserted':
      return operation === 'INSERT' ? 'true' : null;
    case 'inserted-with':
      return operation === 'INSERT' ? `new.${ident(transition.column)} = ${literal(transition.value)}` : null;
    case 'becomes': {
      if (operation !== 'UPDATE') return null;
      const { column, value, where } = transition;
      const also = where ? ` and new.${ident(where.column)} = ${literal(where.value)}` : '';
      return `new.${ident(column)} = ${literal(value)} and ${differs(column)}${also}`;
    }
    case 'set':
      if (operation === 'INSERT') return transition.byInsert ? isSet(transition.column) : null;
      return operation === 'UPDATE' ? `${isSet(transition.column)} and ${differs(transition.column)}` : null;
    case 'deleted':
      return operation === 'DELETE' ? 'true' : null;
    case 'deleted-or-set':
      if (operation === 'DELETE') return `old.${ident(transition.column)} is null`;
      return operation === 'UPDATE' ? `${isSet(transition.column)} and ${differs(transition.column)}` : null;
  }
}
