/** What operators see of limits: each one that somebody runs into shows in its metric, whatever the transport. */
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drivers, rawDriver, type Driver } from '../conformance/drivers.js';
import { ioClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { counted, eventually, metric } from './observe.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url, {
    HASHI_MAX_SUBSCRIPTIONS: '0',
    HASHI_MAX_MESSAGE_BYTES: '4096',
    HASHI_MAX_CONNECTIONS_PER_PLAYER: '1',
    HASHI_RETENTION_EVENTS: '1',
  });
  await database.query(`insert into lobbies (code, visibility) values ('OPEN', 'public')`);
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

async function open(driver: Driver, player: string) {
  const client = driver.connect(server, await server.token(player));
  await client.next('connected');
  return client;
}

/** The metrics of an error, and of the close that a raw client sees. */
const told = (driver: Driver, code: string, close: number) => [
  ['hashi_errors_total', code] as const,
  ...(driver === rawDriver ? [['hashi_closes_total', String(close)] as const] : []),
];

describe.each(drivers)('$name', (driver) => {
  it('counts a message that is too large', async () => {
    const client = await open(driver, 'large');
    const closes =
      driver === rawDriver
        ? (['hashi_closes_total', '1009'] as const)
        : (['hashi_socketio_closes_total', 'transport'] as const);
    await counted(server, [closes, ['hashi_oversize_messages_total', '']], async () => {
      client.say('subscribe', { lobbyCode: 'x'.repeat(5000) });
      await client.ended;
      client.close();
    });
  });

  it('counts a subscription too many, asked for an answer or not', async () => {
    const client = await open(driver, 'watcher');
    const limit = ['hashi_errors_total', 'TOO_MANY_SUBSCRIPTIONS'] as const;
    await counted(server, [limit], async () => {
      const answer = await client.ask('subscribe', { lobbyCode: 'OPEN' });
      expect(answer).toMatchObject({ ok: false, error: { code: 'TOO_MANY_SUBSCRIPTIONS' } });
    });
    await counted(server, [limit], async () => {
      client.say('subscribe', { lobbyCode: 'OPEN' });
      await client.next('error');
    });
    client.close();
  });

  it('counts a player who connects too often', async () => {
    const first = await open(driver, 'twice');
    await counted(server, told(driver, 'TOO_MANY_CONNECTIONS', 4429), async () => {
      const second = driver.connect(server, await server.token('twice'));
      expect((await second.refused).code).toBe('TOO_MANY_CONNECTIONS');
      second.close();
    });
    first.close();
  });

  it('counts a token that has run out while connected', async () => {
    await counted(server, told(driver, 'TOKEN_EXPIRED', 4401), async () => {
      const client = await open(driver, 'expiring');
      // Over already, and within the leeway for four seconds more: time to be taken on a busy machine.
      client.say('auth', { token: await server.token('expiring', { expiresInSeconds: -1 }) });
      expect((await client.next('error')).data.code).toBe('TOKEN_EXPIRED');
      await client.ended;
      client.close();
    });
  });

  it('counts a token that was not checked in time', async () => {
    const silent = createServer((socket) => void socket.on('error', () => socket.destroy()));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const own = await startServer(database.url, {
      HASHI_AUTH_TIMEOUT_MS: '200',
      AUTH_JWKS_URL: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/jwks.json`,
      AUTH_AUDIENCE: 'hashi-development',
    });
    const client = driver.connect(own, await server.token('unchecked'));
    const { code } = await client.refused;
    // Where this process hardly gets to run, the key server is given up on before the client is.
    expect(['AUTH_ERROR', 'AUTH_UNAVAILABLE']).toContain(code);
    expect(await metric(own, 'hashi_auth_failures_total', code)).toBe(1);
    client.close();
    await own.stop();
    silent.close();
  });
});

/** Once everybody is gone: so many events that none of those before is kept. */
async function missed(): Promise<void> {
  await eventually(
    () => metric(server, 'hashi_connections'),
    (connections) => connections === 0,
  );
  const another = await open(rawDriver, 'somebody');
  for (let event = 0; event < 3; event++) {
    await database.query('insert into contracts default values');
    await another.next('contract.created');
  }
  another.close();
}

const failed = ['hashi_resumes_total', 'failed'] as const;

it('counts a raw client that was away for too long', async () => {
  const first = await open(rawDriver, 'late');
  const { cursor } = first.messages[0]?.data;
  first.close();
  await missed();
  await counted(server, [failed], async () => {
    const client = rawDriver.connect(server, await server.token('late'), { query: { since: cursor } });
    expect((await client.next('error')).data.code).toBe('RESUME_FAILED');
    client.close();
  });
});

it.each(['websocket', 'polling'])(
  'counts a Socket.IO client that was away for too long: %s',
  async (transport) => {
    const options = { transports: [transport], reconnection: false };
    const token = await server.token(`late by ${transport}`);
    const first = ioClient(server, token, options);
    await first.next('connected');
    await database.query('insert into contracts default values');
    await first.next('contract.created');
    // What the stock client brings when it comes back.
    const { _pid: pid, _lastOffset: offset } = first.socket as unknown as Record<string, string>;
    expect([pid, offset]).toEqual([expect.any(String), expect.any(String)]);
    first.socket.io.engine.close();
    await missed();
    await counted(server, [failed], async () => {
      const client = ioClient(server, token, { ...options, auth: { token, pid, offset } });
      expect((await client.next('error')).data.code).toBe('RESUME_FAILED');
      client.close();
    });
  },
);
