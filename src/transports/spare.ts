/**
 * What thousands of connections have in common is there once: lists that have nothing in them yet, objects with no properties, and texts
 * that are the same for most of them, such as what browsers say of themselves.
 */

/** A list that nothing has been put in: `withOne` makes one that can take something. */
export const none: readonly never[] = Object.freeze([]);

/** The list with one more: the same, or a list of its own if it was empty. */
export function withOne<T>(list: readonly T[], entry: T): readonly T[] {
  if (list.length === 0) return [entry];
  (list as T[]).push(entry);
  return list;
}

const Nothing = function () {
  // It has nothing.
} as unknown as { new (): object; prototype: object };
Nothing.prototype = Object.prototype;

/** A plain object with no room for properties: `{}` has room for four. It can be given some all the same. */
export const nothing = (): object => new Nothing();

/** A plain object without properties, and none that cannot be seen. */
export const isNothing = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Reflect.ownKeys(value).length === 0;

/** The same object, or one that takes less if it has nothing. */
export const spare = (value: unknown): unknown => (isNothing(value) ? nothing() : value);

/** Longer ones are kept by whoever has them. */
const mostLength = 512;
const mostTexts = 1024;

const texts = new Map<string, string>();

/** The same text, as whoever had it first has it. A client that makes up others only has all of them forgotten. */
export function shared(text: string): string {
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (text.length > mostLength) return text;
  if (texts.size >= mostTexts) texts.clear();
  texts.set(text, text);
  return text;
}
