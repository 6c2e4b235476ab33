/** Reads the adapter's entries in the log; one that cannot be read must not stop those who read on behind it. */
import { MessageType } from 'socket.io-adapter';
import type { LogEntry } from '../log/entry.js';
import { decode } from './codec.js';
import { entryType, type OrderedEntry } from './messages.js';

const read = new WeakMap<LogEntry, OrderedEntry | null>();

/** What an entry of the adapter's holds; null for any other entry, and for one that cannot be read. Read once. */
export function orderedEntryOf(entry: LogEntry): OrderedEntry | null {
  if (entry.type !== entryType || entry.data === null) return null;
  const known = read.get(entry);
  if (known !== undefined) return known;
  const ordered = readOrdered(entry.data);
  read.set(entry, ordered);
  return ordered;
}

/** An entry of the adapter's that no adapter can have written: what it said is lost. */
export const isUnreadable = (entry: LogEntry): boolean =>
  entry.type === entryType && orderedEntryOf(entry) === null;

/** As `orderedEntryOf`; throws for one that cannot be read. */
export function requireReadable(entry: LogEntry): OrderedEntry | null {
  if (isUnreadable(entry)) throw new Error(`entry ${entry.seq} of the log cannot be read`);
  return orderedEntryOf(entry);
}

/** Null for what is no entry of an adapter's. */
export function readOrdered(data: string): OrderedEntry | null {
  let value: unknown;
  try {
    value = decode(data);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  return isOrdered(value) ? value : null;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const areTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** Types that are not known here are left to those who know them: whoever delivers passes over them. */
function isOrdered(value: unknown): value is OrderedEntry {
  if (!isObject(value) || typeof value['origin'] !== 'string' || typeof value['n'] !== 'number') return false;
  const { message } = value;
  if (!isObject(message) || typeof message['nsp'] !== 'string') return false;
  const { target, packet, type, rooms } = message;
  if (!isObject(target) || !areTexts(target['rooms']) || !areTexts(target['except'])) return false;
  if (type === MessageType.BROADCAST) return isObject(packet) && Array.isArray(packet['data']);
  return (type !== MessageType.SOCKETS_JOIN && type !== MessageType.SOCKETS_LEAVE) || areTexts(rooms);
}
