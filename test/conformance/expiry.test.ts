/** A token that runs out while its connection is open. */
import { expect, it } from 'vitest';
import { drivers } from './drivers.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();

/** So long after its end a token is still good. */
const leewaySeconds = 5;
/** Time to connect in, on a machine that is busy. */
const validSeconds = 3;

it('tells TOKEN_EXPIRED and closes with 4401, but not who brought a fresh token', async () => {
  const expiresInSeconds = validSeconds - leewaySeconds;
  const renewed = await Promise.all(
    drivers.map(async (driver) => {
      const [quiet, fresh] = [somebody('quiet'), somebody('fresh')];
      // The first token ends no later than the second: the look that ends the one would end the other.
      const staying = await world.open(driver, fresh, { expiresInSeconds });
      const expiring = await world.open(driver, quiet, { expiresInSeconds });
      expect(await staying.ask('auth', { token: await world.server.token(fresh) })).toEqual({ ok: true });

      expect((await expiring.next('error')).data).toStrictEqual({
        message: expect.any(String),
        code: 'TOKEN_EXPIRED',
      });
      expect(await expiring.ended).toEqual(driver.ending(4401));
      return staying;
    }),
  );
  expect(await world.settle(...renewed)).toEqual(drivers.map(() => []));
});
