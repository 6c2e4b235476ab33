import { expect, it } from 'vitest';
import { Group } from '../../../src/routing/group.js';
import type { Connection } from '../../../src/transports/connection.js';
import { fakeHub } from './fakes.js';

it('is a set, whatever is done to it', () => {
  const fake = fakeHub();
  const connections = Array.from({ length: 24 }, (_, n) => fake.live(`player ${n}`) as unknown as Connection);
  let state = 7;
  const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
  // Often empty and seldom more than one, a few, and many.
  for (const [most, adds] of [
    [3, 2],
    [8, 3],
    [24, 4],
  ] as const) {
    const everybody = connections.slice(0, most);
    const group = new Group(most === 3 ? everybody[0] : undefined);
    const real = new Set(most === 3 ? everybody.slice(0, 1) : []);
    for (let step = 0; step < 2000; step++) {
      const one = everybody[random(most)] as Connection;
      const what = random(5) < adds ? 'add' : 'delete';
      for (const set of [group, real]) set[what](one);
      expect([group.size, [...group]]).toEqual([real.size, [...real]]);
      for (const other of everybody) expect(group.has(other)).toBe(real.has(other));
    }
  }
});
