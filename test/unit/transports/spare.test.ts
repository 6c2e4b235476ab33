import { expect, it } from 'vitest';
import { none, nothing, shared, spare, withOne } from '../../../src/transports/spare.js';

it('a list that has nothing is never changed, and one that has something is', () => {
  const one = withOne<number>(none, 1);
  const two = withOne(one, 2);
  expect(none).toEqual([]);
  expect(two).toEqual([1, 2]);
  expect(withOne<number>(none, 3)).toEqual([3]);
});

it('an object with no room takes properties all the same', () => {
  const object = nothing() as Record<string, number>;
  expect(object).toEqual({});
  expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  object['a'] = 1;
  expect(JSON.stringify(object)).toBe('{"a":1}');
  expect(nothing()).toEqual({});
});

it('only what is plain and empty is put in such a one', () => {
  const empty = {};
  expect(spare(empty)).not.toBe(empty);
  class Own {}
  const symbol = { [Symbol('s')]: 1 };
  for (const kept of [{ a: 1 }, new Own(), Object.create(null), [], symbol, null, undefined, 'text', 1])
    expect(spare(kept)).toBe(kept);
});

it('a text is the same as it was, however many others there are', () => {
  expect(shared('Mozilla/5.0')).toBe('Mozilla/5.0');
  for (let n = 0; n < 5000; n++) expect(shared(`made up ${n}`)).toBe(`made up ${n}`);
  const long = 'x'.repeat(100_000);
  expect(shared(long)).toBe(long);
});
