/**
 * What emitters keep of their listeners, as small as it can be. Node has them in an object that V8 makes a dictionary of, which takes 300
 * bytes for three events and 450 for six; and a list has room for nineteen as soon as it has got its third.
 */
import type { EventEmitter } from 'node:events';

type Listener = (...args: unknown[]) => void;
type Table = Record<string | symbol, Listener | Listener[] | undefined>;

/** Made by a constructor they have one shape and are no dictionaries; like Node's own, they inherit nothing. */
const TightTable = function () {
  // What it has is copied to it.
} as unknown as { new (): Table; prototype: Table };
TightTable.prototype = Object.create(null) as Table;

function isTable(value: unknown): value is Table {
  return (
    typeof value === 'object' &&
    value !== null &&
    isPlain(value) &&
    Reflect.ownKeys(value).every((name) => isEntry((value as Table)[name]))
  );
}

/** A stream's has what every object has. */
function isPlain(table: object): boolean {
  const prototype = Object.getPrototypeOf(table) as object | null;
  return prototype === null || prototype === Object.prototype || prototype === TightTable.prototype;
}

const isEntry = (entry: unknown): boolean =>
  entry === undefined || typeof entry === 'function' || Array.isArray(entry);

/**
 * A list may have marks of Node's: that it was warned of, and since Node 24 how often it is being walked right now. A mark that is
 * not set is taken along, a list with one that is stays.
 */
function tight(list: Listener[]): Listener[] {
  const marks = Reflect.ownKeys(list)
    .slice(list.length)
    .filter((name) => name !== 'length');
  const marked = list as unknown as Table;
  if (marks.some((name) => marked[name])) return list;
  return Object.assign(list.slice(), Object.fromEntries(marks.map((name) => [name, marked[name]])));
}

/**
 * Of an emitter that has got its listeners. Where Node keeps them is internal to it, and has been the same since Node 0: where
 * it is not, nothing is changed.
 */
export function shrinkListeners(emitter: EventEmitter): void {
  const inside = emitter as unknown as { _events?: unknown };
  const table = inside._events;
  if (!isTable(table)) return;
  const smaller = new TightTable();
  for (const name of Reflect.ownKeys(table)) {
    const entry = table[name];
    if (entry) smaller[name] = Array.isArray(entry) ? tight(entry) : entry;
  }
  inside._events = smaller;
}
