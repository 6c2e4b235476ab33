import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { shrinkSet, SmallSet } from '../../../src/transports/small-set.js';

it('is a Set, whatever is done to it', () => {
  let state = 7;
  const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
  const [small, real] = [new SmallSet(), new Set<string>()];
  const seen = (set: Set<string>) => {
    const each: unknown[] = [];
    set.forEach((name, again, of) => each.push([name, again, of === set]));
    return [set.size, [...set], [...set.keys()], [...set.values()], [...set.entries()], each];
  };
  for (let step = 0; step < 5000; step++) {
    // Few names for a while, then many.
    const name = `n${random(step % 1000 < 500 ? 3 : 9)}`;
    const what = random(20);
    for (const set of [small, real]) {
      if (what < 10) set.add(name);
      else if (what === 19) set.clear();
    }
    if (what >= 10 && what < 19) expect(small.delete(name)).toBe(real.delete(name));
    expect(small.has(name)).toBe(real.has(name));
    expect(seen(small)).toEqual(seen(real));
  }
});

it.each([2, 4, 5, 7])('may be changed while its %i are walked, as a Set may', (size) => {
  const names = Array.from({ length: size }, (_, n) => `n${n}`);
  const walk = (set: Set<string>) => {
    const seen: string[] = [];
    for (const name of set) {
      seen.push(name);
      if (name === 'n0') set.delete('n1');
      if (name.length < 4) set.add(`${name}+`);
      set.delete(name);
    }
    return [seen, [...set]];
  };
  expect(walk(new SmallSet(names))).toEqual(walk(new Set(names)));
});

it('looks like a Set', () => {
  const set: unknown = new SmallSet(['a', 'b']);
  expect(set).toBeInstanceOf(Set);
  expect(inspect(set)).toBe(inspect(new Set(['a', 'b'])));
  const { union } = set as { union?: (other: Set<string>) => Set<string> };
  // Since Node 22.
  expect(union?.call(set, new Set(['c']))).toEqual(
    'union' in Set.prototype ? new Set(['a', 'b', 'c']) : undefined,
  );
});

it('takes the place of a small Set, and of no large one', () => {
  const large = new Set(['a', 'b', 'c', 'd', 'e']);
  const sets = new Map([
    ['small', new Set(['a', 'b'])],
    ['large', large],
  ]);
  for (const key of ['small', 'large', 'none']) shrinkSet(sets, key);
  expect([...sets.keys()]).toEqual(['small', 'large']);
  expect([...(sets.get('small') ?? [])]).toEqual(['a', 'b']);
  expect(sets.get('small')).toBeInstanceOf(SmallSet);
  expect(sets.get('large')).toBe(large);
});
