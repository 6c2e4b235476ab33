/** That V8 is made to collect after many clients have come, however they come. */
import { afterEach, expect, it, vi } from 'vitest';
import { drivers } from '../conformance/drivers.js';
import { somebody, useWorld } from '../conformance/world.js';

const world = useWorld({ HASHI_MAX_CONNECTIONS_PER_ADDRESS: '2000' });

afterEach(() => {
  vi.unstubAllGlobals();
});

it('asks for memory outside of its heap after 500 clients', { timeout: 60_000 }, async () => {
  const large: number[] = [];
  const construct = (target: typeof ArrayBuffer, args: [number], made: typeof ArrayBuffer) => {
    if (args[0] >= 64 << 20) large.push(args[0]);
    return Reflect.construct(target, args, made) as ArrayBuffer;
  };
  vi.stubGlobal('ArrayBuffer', new Proxy(ArrayBuffer, { construct }));
  for (let batch = 0; batch < 10; batch++) {
    const driver = drivers[batch % drivers.length] as (typeof drivers)[number];
    await Promise.all(Array.from({ length: 50 }, () => world.open(driver, somebody())));
    if (batch < 9) expect(large).toEqual([]);
  }
  await expect.poll(() => large, { timeout: 30_000 }).toEqual([64 << 20]);
});
