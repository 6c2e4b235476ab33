import { expect, it } from 'vitest';
import { Group } from '../../../src/routing/group.js';
import type { Connection } from '../../../src/transports/connection.js';
import { fakeHub } from './fakes.js';

it('is a set, whatever is done to it', () => {
  const fake = fakeHub();
  const everybody = ['a', 'b', 'c'].map((player) => fake.live(player) as unknown as Connection);
  let state = 7;
  const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
  for (const alone of [true, false]) {
    const group = new Group(alone ? everybody[0] : undefined);
    const real = new Set(alone ? everybody.slice(0, 1) : []);
    for (let step = 0; step < 2000; step++) {
      // Often empty, seldom more than one.
      const one = everybody[random(3)] as Connection;
      const what = random(5) < 2 ? 'add' : 'delete';
      for (const set of [group, real]) set[what](one);
      expect([group.size, [...group]]).toEqual([real.size, [...real]]);
      for (const other of everybody) expect(group.has(other)).toBe(real.has(other));
    }
  }
});
