import { expect, it } from 'vitest';
import { SmallMap } from '../../../src/transports/small-map.js';

it('is a Map, whatever is done to it', () => {
  let state = 7;
  const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
  const [small, real] = [new SmallMap<number | string, number>(), new Map<number | string, number>()];
  const seen = (map: Map<number | string, number>) => {
    const each: unknown[] = [];
    map.forEach((value, key, of) => each.push([key, value, of === map]));
    return [map.size, [...map], [...map.keys()], [...map.values()], [...map.entries()], each];
  };
  for (let step = 0; step < 5000; step++) {
    const key = random(3) === 0 ? 'a' : random(2);
    const what = random(20);
    for (const map of [small, real]) {
      if (what < 9) map.set(key, step);
      else if (what === 19) map.clear();
    }
    if (what >= 9 && what < 19) expect(small.delete(key)).toBe(real.delete(key));
    expect([small.has(key), small.get(key)]).toEqual([real.has(key), real.get(key)]);
    expect(seen(small)).toEqual(seen(real));
  }
});

it('may lose what it has while it is walked', () => {
  const map = new SmallMap([['a', 1]]);
  for (const [key] of map) map.delete(key);
  expect([map.size, map.get('a')]).toEqual([0, undefined]);
  const two = new SmallMap([
    ['a', 1],
    ['b', 2],
  ]);
  for (const key of two.keys()) two.delete(key);
  expect(two.size).toBe(0);
});
