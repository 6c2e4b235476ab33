/** How long a stranger may stay who does not say who it is, and a client that is gone without a word. */
import { createServer, type AddressInfo, type Server as NetServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { drivers } from '../conformance/drivers.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { rawClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { eventually, metric } from './observe.js';
import {
  closeCodeIn,
  dial,
  engineWire,
  frame,
  pollingSession,
  rawWire,
  socketIoWire,
  upgrade,
} from './wire.js';

let database: TestDatabase;
let server: TestServer;
const stops: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start(env: Record<string, string>): Promise<TestServer> {
  server = await startServer(database.url, env);
  stops.push(() => server.stop());
  return server;
}

const handshake = '/socket.io/?EIO=4&transport=polling';
/** Long enough for an honest request on a busy machine: those that count the others are under it, too. */
const upgradeTimeoutMs = '1000';

describe('a stranger', () => {
  let silent: NetServer;
  let keyServer: string;

  beforeAll(async () => {
    // Takes requests and never answers.
    silent = createServer((socket) => void socket.on('error', () => socket.destroy()));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    keyServer = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/jwks.json`;
  });
  afterAll(() => void silent.close());

  const slowKeys = (authTimeoutMs = '300') =>
    start({
      HASHI_AUTH_TIMEOUT_MS: authTimeoutMs,
      AUTH_JWKS_URL: keyServer,
      AUTH_AUDIENCE: 'test',
      AUTH_ISSUER: 'test',
    });
  /** Where this process hardly gets to run, the key server is given up on before the client is. */
  const outOfTime = ['AUTH_ERROR', 'AUTH_UNAVAILABLE'];
  /** Well formed and in time, so that only its signature is left to check. */
  const unchecked = () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iat, exp: iat + 600, sub: 'p1', sid: 's1', iss: 'test', aud: 'test' };
    return `${part({ alg: 'ES256', kid: 'k1' })}.${part(claims)}.${'A'.repeat(86)}`;
  };

  it.each(drivers)('is refused in time while the key server is silent: $name', async (driver) => {
    await slowKeys();
    const client = driver.connect(server, unchecked());
    stops.push(() => client.close());
    expect(outOfTime).toContain((await client.refused).code);
  });

  it.each(drivers)('is told to come back while the key server is down: $name', async (driver) => {
    // Nobody listens there.
    await start({
      AUTH_JWKS_URL: 'http://127.0.0.1:9/jwks.json',
      AUTH_AUDIENCE: 'test',
      AUTH_ISSUER: 'test',
    });
    const client = driver.connect(server, unchecked());
    stops.push(() => client.close());
    expect(await client.refused).toMatchObject({ code: 'AUTH_UNAVAILABLE' });
    expect(await metric(server, 'hashi_auth_failures_total', 'AUTH_UNAVAILABLE')).toBeGreaterThan(0);
  });

  it('is closed with 4401 when the key server is silent', async () => {
    await slowKeys();
    const client = rawClient(server, unchecked());
    expect([4401, 1013]).toContain((await client.closed).code);
  });

  it('may reset the connection while its token is checked', async () => {
    await slowKeys();
    for (let turn = 0; turn < 20; turn++) {
      const wire = await dial(server);
      wire.send(upgrade(`/?token=${unchecked()}`));
      await wire.seen('101 Switching');
      wire.send(Buffer.from([0xc1, 0x80]));
      wire.reset();
    }
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it('keeps a Socket.IO connection no longer than the time to authenticate when it never asks to be let in', async () => {
    // Long enough to tell it from Socket.IO's own patience, which is ten times as long.
    await start({ HASHI_AUTH_TIMEOUT_MS: '2500' });
    const wire = await engineWire(server);
    stops.push(() => wire.reset());
    await wire.over;
    const sid = /"sid":"([\w-]+)"/.exec(await (await fetch(server.url + handshake)).text())?.[1] ?? '';
    const poll = await fetch(`${server.url}${handshake}&sid=${sid}`);
    // Told by the close packet; after that there is no such session.
    expect(await poll.text()).toBe('1');
    expect((await fetch(`${server.url}${handshake}&sid=${sid}`)).status).toBe(400);
    expect(await metric(server, 'hashi_refused_total', 'silent')).toBe(2);
  });

  it('is one again when it leaves the namespace and keeps the connection', async () => {
    // Long enough to be let in on a busy machine.
    await start({ HASHI_AUTH_TIMEOUT_MS: '2500' });
    const wire = await socketIoWire(server, await server.token('p1'));
    stops.push(() => wire.reset());
    wire.send(frame('41'));
    await wire.over;
  });

  it('may leave the namespace and come again, and is looked after as before', async () => {
    await start({});
    const token = await server.token('p1');
    const wire = await socketIoWire(server, token);
    stops.push(() => wire.reset());
    const listeners = () =>
      [...server.server.io.sockets.sockets.values()].map(({ conn }) =>
        ['packet', 'packetCreate', 'drain'].map((event) => conn.listenerCount(event)),
      );
    const before = listeners();
    for (let times = 2; times < 6; times++) {
      wire.send(frame('41'));
      wire.send(frame(`40{"token":"${token}"}`));
      await wire.seen(new RegExp(`("connected".*){${times}}`, 's'));
    }
    expect(listeners()).toEqual(before);
    await database.query('insert into contracts (stake_amount) values (1)');
    await wire.seen('contract.created');
  });

  it('is cut off when it was refused and never answers the close', async () => {
    await start({});
    const wire = await dial(server, { halfOpen: true });
    stops.push(() => wire.reset());
    wire.send(upgrade('/?token=bad'));
    expect(closeCodeIn(await wire.over)).toBe(4401);
  });

  it('is ended when it was refused and stays', async () => {
    await slowKeys('2500');
    const wire = await engineWire(server);
    stops.push(() => wire.reset());
    wire.send(frame(`40{"token":"${unchecked()}"}`));
    await wire.seen(/AUTH_ERROR|AUTH_UNAVAILABLE/);
    await wire.over;
  });

  it('says so much before it is let in and no more', async () => {
    await slowKeys();
    const wire = await dial(server);
    stops.push(() => wire.reset());
    wire.send(upgrade(`/?token=${unchecked()}`));
    await wire.seen('101 Switching');
    for (let message = 0; message < 20; message++) wire.send(frame(`"${'x'.repeat(15_000)}"`));
    expect(closeCodeIn(await wire.over)).toBe(4429);
  });

  it.each([
    ['raw', upgrade('/')],
    ['Socket.IO by websocket', upgrade('/socket.io/?EIO=4&transport=websocket')],
    ['Socket.IO by polling', `GET ${handshake} HTTP/1.1\r\nHost: a\r\n\r\n`],
  ])('has a bounded time for its request, byte by byte: %s', async (_what, request) => {
    await start({ HASHI_UPGRADE_TIMEOUT_MS: upgradeTimeoutMs });
    const wire = await dial(server);
    stops.push(() => wire.reset());
    wire.send(request.slice(0, -2));
    // A header that grows by a byte now and then is no progress.
    const drip = setInterval(() => wire.send('x'), 50);
    stops.push(() => clearInterval(drip));
    expect(await wire.over).toMatch(/^HTTP\/1\.1 408 |^$/);
    expect(await metric(server, 'hashi_refused_total', 'slow')).toBe(1);
  });
});

it.each(['chunks', 'a length'])(
  'has a bounded time for a body that never ends, sent in %s, in a session or not',
  async (how) => {
    await start({ HASHI_UPGRADE_TIMEOUT_MS: upgradeTimeoutMs });
    const targets = ['/', new URL(await pollingSession(server, await server.token('p1')))];
    const framing = how === 'chunks' ? 'Transfer-Encoding: chunked' : 'Content-Length: 10000';
    await Promise.all(
      targets.map(async (target) => {
        const path = typeof target === 'string' ? target : `${target.pathname}${target.search}`;
        const wire = await dial(server);
        stops.push(() => wire.reset());
        wire.send(`POST ${path} HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
        const drip = setInterval(() => wire.send(how === 'chunks' ? '1\r\nx\r\n' : 'x'), 50);
        stops.push(() => clearInterval(drip));
        await wire.over;
      }),
    );
    // The page had its answer before; what goes on is no request for it.
    expect(await metric(server, 'hashi_refused_total', 'slow')).toBe(2);
  },
);

it.each([
  ['says nothing', ''],
  ['only asks whether it can', '2probe'],
])('gives a polling client a bounded time to change over, and lets it poll on: %s', async (_what, packet) => {
  await start({ HASHI_UPGRADE_TIMEOUT_MS: upgradeTimeoutMs });
  const session = await pollingSession(server, await server.token('p1'));
  const wire = await dial(server);
  stops.push(() => wire.reset());
  wire.send(upgrade(`/socket.io/?EIO=4&transport=websocket&${session.slice(session.indexOf('sid='))}`));
  await wire.seen('101 Switching');
  if (packet !== '') wire.send(frame(packet));
  await wire.over;
  const answer = fetch(session);
  await fetch(session, { method: 'POST', body: '42["ping"]' });
  expect(await (await answer).text()).toMatch(/pong|^6/);
  await fetch(session, { method: 'POST', body: '1' });
});

it('counts what is no request', async () => {
  await start({});
  const wire = await dial(server);
  wire.send('HELLO\r\n\r\n');
  expect(await wire.over).toMatch(/^HTTP\/1\.1 400 /);
  expect(await metric(server, 'hashi_refused_total', 'malformed')).toBe(1);
});

it.each(['/', '/socket.io/?EIO=4&transport=websocket', handshake])(
  'reaps a client that is gone without a word: %s',
  async (target) => {
    // Long enough to be let in on a busy machine.
    await start({ HASHI_HEARTBEAT_INTERVAL_MS: '1000', HASHI_HEARTBEAT_TIMEOUT_MS: '1000' });
    const token = await server.token('p1');
    if (target === handshake) {
      // It polls no more.
      await pollingSession(server, token);
    } else {
      const wire = target === '/' ? await rawWire(server, token) : await socketIoWire(server, token);
      stops.push(() => wire.reset());
      // It reads on, but answers no ping.
      await wire.over;
    }
    await eventually(
      () => metric(server, 'hashi_connections'),
      (open) => open === 0,
    );
    const ends =
      target === '/' ? ['hashi_closes_total', '1006'] : ['hashi_socketio_closes_total', 'ping timeout'];
    expect(await metric(server, ends[0] ?? '', ends[1])).toBe(1);
  },
);
