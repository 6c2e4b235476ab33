/** A token that runs out while its connection is open. */
import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { drivers, type Driver } from './drivers.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();

const tokenSeconds = 1;
/** So long after its end a token is still good. */
const leewayMs = 5000;
/** So much later its connection may be ended. */
const mostMs = 3000;

const timed = <T>(promise: Promise<T>) => promise.then((value) => ({ value, atMs: Date.now() }));

/** Two clients with a token of the same length; returns the one that brings a fresh one. */
async function outliveAToken(driver: Driver) {
  const [quiet, fresh] = [somebody('quiet'), somebody('fresh')];
  // The first token ends no later than the second: the look that ends the one would end the other.
  const staying = await world.open(driver, fresh, { expiresInSeconds: tokenSeconds });
  const token = await world.server.token(quiet, { expiresInSeconds: tokenSeconds });
  const expiring = world.keep(driver.connect(world.server, token));
  const outcome = Promise.all([timed(expiring.next('error')), timed(expiring.ended)]);
  await expiring.next('connected');
  expect(await staying.ask('auth', { token: await world.server.token(fresh) })).toEqual({ ok: true });

  const [told, ended] = await outcome;
  expect(told.value.data).toStrictEqual({ message: expect.any(String), code: 'TOKEN_EXPIRED' });
  expect(ended.value).toEqual(driver.ending(4401));
  const dueMs = Number(decodeJwt(token).exp) * 1000 + leewayMs;
  for (const { atMs } of [told, ended]) {
    expect(atMs).toBeGreaterThanOrEqual(dueMs);
    expect(atMs).toBeLessThanOrEqual(dueMs + mostMs);
  }
  return staying;
}

it('tells TOKEN_EXPIRED and closes with 4401 within 3 s of its end and the leeway, but not who brought a fresh token', async () => {
  const renewed = await Promise.all(drivers.map(outliveAToken));
  expect(await world.settle(...renewed)).toEqual(drivers.map(() => []));
});
