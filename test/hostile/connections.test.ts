/** How many may connect, and who names an address. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { drivers, type Client } from '../conformance/drivers.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { ioClient, rawClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { eventually, metric } from './observe.js';
import { dial, frame, rawWire, socketIoWire, upgrade } from './wire.js';

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

describe.each(drivers)('$name', (driver) => {
  it('gives a player who connects twenty times at once the places there are and no more', async () => {
    await start({ HASHI_MAX_CONNECTIONS_PER_PLAYER: '3' });
    const token = await server.token('p1');
    const clients: Client[] = Array.from({ length: 20 }, () => driver.connect(server, token));
    stops.push(() => clients.forEach((client) => client.close()));

    const outcomes = await Promise.all(
      clients.map((client) =>
        Promise.race([
          client.next('connected').then(() => 'in'),
          client.refused.then(({ code }) => code),
        ]).catch(() => client.refused.then(({ code }) => code)),
      ),
    );

    expect(outcomes.filter((outcome) => outcome === 'in')).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === 'TOO_MANY_CONNECTIONS')).toHaveLength(17);
    expect(await metric(server, 'hashi_errors_total', 'TOO_MANY_CONNECTIONS')).toBe(17);

    // A place that is given up can be taken.
    clients[outcomes.indexOf('in')]?.close();
    await eventually(
      () => metric(server, 'hashi_connections'),
      (open) => open === 2,
    );
    const another = driver.connect(server, token);
    stops.push(() => another.close());
    await another.next('connected');
  });
});

describe('an address', () => {
  it('holds so many connections, whatever the transport, and hears HTTP 429 and when to come back', async () => {
    await start({ HASHI_MAX_CONNECTIONS_PER_ADDRESS: '2' });
    const token = await server.token('p1');
    const clients = [rawClient(server, token), ioClient(server, token)];
    stops.push(() => clients.forEach((client) => client.close()));
    await Promise.all(clients.map((client) => client.next('connected')));

    for (const target of ['/', '/socket.io/?EIO=4&transport=websocket']) {
      const refused = await dial(server);
      refused.send(upgrade(target));
      expect(await refused.over).toMatch(/^HTTP\/1\.1 429 [^]*\r\nRetry-After: \d+\r\n/);
    }
    const poll = await fetch(server.url + handshake);
    expect([poll.status, poll.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await metric(server, 'hashi_refused_total', 'address')).toBe(3);
  });

  it.each(['sid=', 'sid=nobody', '%73id=', 'x=1&sid=nobody&sid=', 'sid=__proto__'])(
    'does not get round the limit with a session that is none: %s',
    async (sid) => {
      await start({ HASHI_MAX_CONNECTIONS_PER_ADDRESS: '1' });
      const holder = rawClient(server, await server.token('p1'));
      stops.push(() => holder.close());
      await holder.next('connected');

      expect((await fetch(`${server.url}${handshake}&${sid}`)).status).toBe(429);
      const refused = await dial(server);
      refused.send(upgrade(`/socket.io/?EIO=4&transport=websocket&${sid}`));
      expect(await refused.over).toMatch(/^HTTP\/1\.1 429 /);
    },
  );

  it.each(['HASHI_MAX_CONNECTIONS_PER_ADDRESS', 'HASHI_MAX_CONNECTIONS'])(
    'does not open more sessions than %s when they are asked for in one breath',
    async (limit) => {
      await start({ [limit]: '3' });
      const wire = await dial(server);
      stops.push(() => wire.reset());
      // Pipelined: all are read before the first is answered.
      const ask = (connection: string) =>
        `GET ${handshake} HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`;
      wire.send(ask('keep-alive').repeat(15) + ask('close'));
      const answers = (await wire.over).match(/HTTP\/1\.1 \d+/g) ?? [];
      expect(answers.filter((answer) => answer.endsWith(' 200'))).toHaveLength(3);
      expect(answers).toHaveLength(16);
    },
  );

  it('gives up the place of a session that was refused or never opened', async () => {
    await start({ HASHI_MAX_CONNECTIONS_PER_ADDRESS: '1' });
    for (let turn = 0; turn < 3; turn++) {
      expect((await fetch(`${server.url}/socket.io/?EIO=3&transport=polling`)).status).toBe(400);
      expect((await fetch(server.url + handshake, { method: 'PUT' })).status).toBe(405);
      const broken = await dial(server);
      broken.send(upgrade('/socket.io/?EIO=4&transport=websocket', { 'Sec-WebSocket-Key': null }));
      await broken.over;
      const cut = await dial(server);
      cut.send(upgrade('/socket.io/?EIO=4&transport=websocket'));
      cut.reset();
    }
    await eventually(
      () => fetch(server.url + handshake).then(({ status }) => status),
      (status) => status === 200,
    );
  });

  it('is the same one whatever port a proxy reports with it, and however it writes it', async () => {
    await start({ HASHI_MAX_CONNECTIONS_PER_ADDRESS: '1', HASHI_TRUSTED_PROXIES: '1' });
    const status = async (forwarded: string) =>
      (await fetch(server.url + handshake, { headers: { 'x-forwarded-for': forwarded } })).status;
    expect(await status('198.51.100.7:40001')).toBe(200);
    expect(await status('198.51.100.7:40002')).toBe(429);
    expect(await status('198.51.100.7')).toBe(429);
    expect(await status('[2001:db8:0:9::1]:40001')).toBe(200);
    expect(await status('[2001:db8:0:9::2]:40002')).toBe(429);
    // An IPv4 address may be written as an IPv6 one: it is itself, and not one of a large network.
    expect(await status('::ffff:198.51.100.7')).toBe(429);
    expect(await status('::ffff:c633:6407')).toBe(429);
    expect(await status('::ffff:c633:6408')).toBe(200);
    expect(await status('198.51.100.8')).toBe(429);
  });

  it('is what the socket says: nobody names another one in a header', async () => {
    await start({ HASHI_MAX_CONNECTIONS_PER_ADDRESS: '1' });
    const token = await server.token('p1');
    const holder = rawClient(server, token);
    stops.push(() => holder.close());
    await holder.next('connected');
    const refused = await dial(server);
    refused.send(upgrade('/', { 'X-Forwarded-For': '203.0.113.9', Forwarded: 'for=203.0.113.9' }));
    expect(await refused.over).toMatch(/^HTTP\/1\.1 429 /);
  });

  it('is what the configured proxy has seen, not what the client put before it', async () => {
    await start({ HASHI_MAX_CONNECTIONS_PER_ADDRESS: '1', HASHI_TRUSTED_PROXIES: '1' });
    const token = await server.token('p1');
    const from = (forwarded: string) =>
      rawClient(server, token, {}, { headers: { 'x-forwarded-for': forwarded } });
    const first = from('198.51.100.1');
    const other = from('198.51.100.2');
    stops.push(() => [first, other].forEach((client) => client.close()));
    await Promise.all([first.next('connected'), other.next('connected')]);

    const refused = await dial(server);
    refused.send(upgrade('/', { 'X-Forwarded-For': '192.0.2.77, 198.51.100.1' }));
    expect(await refused.over).toMatch(/^HTTP\/1\.1 429 /);
  });

  it('is a whole /64 with IPv6: whoever has one address there has all of them', async () => {
    await start({ HASHI_MAX_CONNECTIONS_PER_ADDRESS: '1', HASHI_TRUSTED_PROXIES: '1' });
    const token = await server.token('p1');
    const holder = rawClient(server, token, {}, { headers: { 'x-forwarded-for': '2001:db8:0:7::1' } });
    stops.push(() => holder.close());
    await holder.next('connected');
    const status = async (forwarded: string) =>
      (await fetch(server.url + handshake, { headers: { 'x-forwarded-for': forwarded } })).status;
    expect(await status('2001:DB8:0:7:ffff:ffff:ffff:ffff')).toBe(429);
    expect(await status('2001:db8:0:8::1')).toBe(200);
  });

  it('takes no more sockets than its connections can need, though nothing is said on them', async () => {
    await start({ HASHI_MAX_CONNECTIONS_PER_ADDRESS: '4' });
    const idle = await Promise.all(Array.from({ length: 100 }, () => dial(server)));
    stops.push(() => idle.forEach((wire) => wire.reset()));
    // Four connections of two sockets, and room for 32 that are told why not; the others are cut off.
    const cut = await eventually(
      () => idle.filter(({ socket }) => socket.readableEnded || socket.destroyed).length,
      (gone) => gone >= 60,
    );
    expect(cut).toBe(60);
    expect(
      await eventually(
        () => {
          idle.splice(0).forEach((wire) => wire.reset());
          return fetch(`${server.url}/metrics`).then(
            (answer) => answer.text(),
            () => '',
          );
        },
        (text) => text.includes('hashi_refused_total{reason="sockets"}'),
      ),
    ).toBeTruthy();
  });
});

it.each(['/socket.io/x/', '/socket.io', '/socket.io//'])('knows no upgrade at %s', async (path) => {
  await start({});
  const wire = await dial(server);
  stops.push(() => wire.reset());
  wire.send(upgrade(`${path}?EIO=4&transport=websocket`));
  expect(await wire.over).toMatch(/^HTTP\/1\.1 404 /);
});

it.each(['/nowhere', '/'])('does not wait for a refused client to close its side: %s', async (target) => {
  await start({ ALLOWED_ORIGINS: 'https://app.example.com' });
  const wire = await dial(server, { halfOpen: true });
  stops.push(() => wire.reset());
  wire.send(upgrade(target, { Origin: 'https://evil.example.com' }));
  expect(await wire.over).toMatch(/^HTTP\/1\.1 (404|403) /);
  // Once the server has let go of the socket, what is written to it is answered with a reset.
  await eventually(
    () => {
      wire.send('x');
      return wire.socket.destroyed || wire.socket.errored !== null;
    },
    (gone) => gone,
  );
});

describe('the instance', () => {
  it('holds so many connections and tells the others by HTTP 503 when to come back', async () => {
    await start({ HASHI_MAX_CONNECTIONS: '1' });
    const holder = ioClient(server, await server.token('p1'), { transports: ['polling'] });
    stops.push(() => holder.close());
    await holder.next('connected');
    for (const target of ['/', '/socket.io/?EIO=4&transport=websocket']) {
      const refused = await dial(server);
      refused.send(upgrade(target));
      expect(await refused.over).toMatch(/^HTTP\/1\.1 503 [^]*\r\nRetry-After: \d+\r\n/);
    }
    const poll = await fetch(server.url + handshake);
    expect([poll.status, poll.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await metric(server, 'hashi_refused_total', 'instance')).toBe(3);
  });

  it('counts a connection once, however it ends', async () => {
    await start({ HASHI_MAX_CONNECTIONS: '1' });
    const token = await server.token('p1');
    for (let turn = 0; turn < 3; turn++) {
      const raw = await eventually(
        () => rawWire(server, token).catch(() => null),
        (wire) => wire !== null,
      );
      raw?.reset();
      const io = await eventually(
        () => socketIoWire(server, token).catch(() => null),
        (wire) => wire !== null,
      );
      io?.send(frame('41'));
      io?.reset();
    }
    const last = await eventually(
      () => fetch(server.url + handshake).then(({ status }) => status),
      (status) => status === 200,
    );
    expect(last).toBe(200);
  });
});
