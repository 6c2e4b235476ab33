/** Tokens that are too old, of the wrong kind, or of a key that nobody can be asked about right now. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drivers } from '../conformance/drivers.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { goodClaims, makeTestKey, nowSeconds, sign, type TestKey } from '../unit/auth/support.js';
import { failures, storm, type Failure } from './keys/storm.js';
import { counted, metric } from './observe.js';

const hourSeconds = 3600;
const leewaySeconds = 5;

let database: TestDatabase;
let server: TestServer;
let key: TestKey;

beforeAll(async () => {
  database = await createDatabase();
  key = await makeTestKey('one');
  server = await startServer(database.url, {
    AUTH_PUBLIC_KEY: JSON.stringify(key.jwk),
    AUTH_AUDIENCE: 'app',
    AUTH_MAX_TOKEN_AGE_MS: String(hourSeconds * 1000),
  });
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

/** Good for another day, if it were not for its age. */
const issued = (secondsAgo: number, changes: Record<string, unknown> = {}) =>
  sign(key, goodClaims({ exp: nowSeconds() + 24 * hourSeconds, ...changes }, nowSeconds() - secondsAgo));

describe.each(drivers)('$name', (driver) => {
  it('takes a token up to the maximum age, and none that is older', async () => {
    const before = await metric(server, 'hashi_auth_failures_total', 'AUTH_ERROR');
    const young = driver.connect(server, await issued(hourSeconds - 60));
    await young.next('connected');
    young.close();
    await counted(server, [['hashi_refused_tokens_total', 'too-old']], async () => {
      const old = driver.connect(server, await issued(hourSeconds + 60));
      expect(await old.refused).toMatchObject({ code: 'AUTH_ERROR' });
      old.close();
    });
    expect(await metric(server, 'hashi_auth_failures_total', 'AUTH_ERROR')).toBe(before + 1);
  });

  it('ends a connection whose token reaches that age, though it has not expired', async () => {
    // Within the leeway, with time to connect in on a machine that is busy.
    const client = driver.connect(server, await issued(hourSeconds + leewaySeconds - 4));
    await client.next('connected');
    expect((await client.next('error')).data.code).toBe('TOKEN_EXPIRED');
    expect(await client.ended).toEqual(driver.ending(4401));
    client.close();
  });

  it('takes a token of up to 8 KiB, to connect and in place, and none that is larger', async () => {
    const large = async (bytes: number) => issued(0, { filler: 'x'.repeat(bytes) });
    const client = driver.connect(server, await large(5500));
    await client.next('connected');
    await counted(server, [['hashi_refused_tokens_total', 'too-large']], async () => {
      const refused = driver.connect(server, await large(6500));
      expect(await refused.refused).toMatchObject({ code: 'AUTH_ERROR' });
      refused.close();
    });
    await counted(server, [['hashi_refused_tokens_total', 'too-large']], async () => {
      client.say('auth', { token: await large(6500) });
      expect(await client.ended).toEqual(driver.ending(4401));
    });
    client.close();
  });

  it('takes no identity token: those have no sid', async () => {
    const client = driver.connect(server, await issued(0, { sid: undefined }));
    expect(await client.refused).toMatchObject({ code: 'AUTH_ERROR' });
    client.close();
  });
});

it.each(Object.keys(failures) as Failure[])(
  'lets in whose key it knows while the key server %s, tells the others to come back, and hardly asks',
  async (failure) => {
    const clients = 120;
    const { known, unknown, requests, staying, tookMs } = await storm(
      database.url,
      failure,
      clients,
      1000,
      drivers,
    );
    expect(known).toEqual({ connected: clients / 2 });
    expect(unknown).toEqual({ 'AUTH_UNAVAILABLE 1013': clients / 6, AUTH_UNAVAILABLE: clients / 3 });
    expect(staying).toBe(true);
    // A pause of a second after the first failure, and of twice as much after each one more.
    expect(requests).toBeLessThanOrEqual(1 + tookMs / 1000);
    expect(requests).toBeGreaterThan(0);
  },
);
