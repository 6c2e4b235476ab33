/** Clients that say too much, each in its own way: they are slowed, then cut off, and cost nobody else anything. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { drivers, pollingDriver, rawDriver, websocketDriver } from '../conformance/drivers.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { rawClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { eventually, Honest, metric } from './observe.js';
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
let honest: Honest;
const stops: (() => Promise<unknown> | void)[] = [];

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url, {
    HASHI_MESSAGES_PER_SECOND: '20',
    HASHI_MESSAGE_BURST: '30',
    HASHI_AUTH_TIMEOUT_MS: '2000',
  });
  honest = await Honest.connect(server, database);
});
afterAll(async () => {
  honest.close();
  await server.stop();
  await database.drop();
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  // Whoever behaves has noticed nothing.
  await honest.event();
  expect(honest.streams()).toEqual(honest.expected());
  expect(honest.errors()).toEqual([]);
});

describe.each(drivers)('$name', (driver) => {
  it('is told once that it talks too much, and closed when it goes on', async () => {
    const before = await metric(server, 'hashi_rate_limited_total');
    const client = driver.connect(server, await server.token('talker'));
    stops.push(() => client.close());
    await client.next('connected');
    for (let message = 0; message < 200; message++) client.say('ping');
    expect(await client.ended).toEqual(driver.ending(4429));
    const told = client.messages.filter(({ type, data }) => type === 'error' && data.code === 'RATE_LIMITED');
    expect(told).toHaveLength(1);
    expect(await metric(server, 'hashi_rate_limited_total')).toBeGreaterThanOrEqual(before + 30);
  });

  it('is limited in what it subscribes to and leaves again and again', async () => {
    const [lobby] = await database.query(
      `insert into lobbies (code, visibility) values (gen_random_uuid()::text, 'public') returning id`,
    );
    const client = driver.connect(server, await server.token('churner'));
    stops.push(() => client.close());
    await client.next('connected');
    for (let turn = 0; turn < 100; turn++) {
      client.say('subscribe', { lobbyId: lobby?.id as string });
      client.say('unsubscribe', { lobbyId: lobby?.id as string });
    }
    expect(await client.ended).toEqual(driver.ending(4429));
  });

  it('may ask for only so much at a time while the database does not answer', async () => {
    const own = await startServer(database.url, {
      // So fast that no rate is in the way: what is left is how many may wait.
      HASHI_MESSAGES_PER_SECOND: '100000',
      HASHI_MESSAGE_BURST: '40',
    });
    stops.push(() => own.stop());
    const client = driver.connect(own, await own.token('impatient'));
    stops.push(() => client.close());
    await client.next('connected');
    await client.done();

    const blocker = await database.pool.connect();
    stops.push(() => blocker.release());
    await blocker.query('begin; lock table lobbies in access exclusive mode');
    stops.push(() => blocker.query('rollback'));
    for (let turn = 0; turn < 40; turn++) client.say('subscribe', { lobbyCode: `guess-${turn}` });
    await eventually(
      () => {
        client.say('subscribe', { lobbyCode: 'one more' });
        return client.messages.some(({ data }) => data?.code === 'RATE_LIMITED');
      },
      (told) => told,
    );
  });
});

describe('below the messages', () => {
  it('ends a raw client that floods it with pings, and answers none that it does not read', async () => {
    const wire = await rawWire(server, await server.token('pinger'));
    stops.push(() => wire.reset());
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame('x'.repeat(125), { first: 0x89 })));
    wire.send(pings);
    expect(closeCodeIn(await wire.over)).toBe(4429);
  });

  it('answers a ping within the rate', async () => {
    const wire = await rawWire(server, await server.token('pinger'));
    stops.push(() => wire.reset());
    wire.send(frame('are you there', { first: 0x89 }));
    await wire.seen('\x8a\x0dare you there');
  });

  it('ends a raw client that floods it with pongs nobody asked for', async () => {
    const wire = await rawWire(server, await server.token('ponger'));
    stops.push(() => wire.reset());
    wire.send(Buffer.concat(Array.from({ length: 1000 }, () => frame('', { first: 0x8a }))));
    expect(closeCodeIn(await wire.over)).toBe(4429);
  });

  it.each([
    ['pings', frame('', { first: 0x89 })],
    ['pongs', frame('', { first: 0x8a })],
    ['probes', frame('2probe')],
  ])('ends a polling client that has begun to change over and floods it with %s', async (_what, bytes) => {
    const before = await metric(server, 'hashi_rate_limited_total');
    const session = await pollingSession(server, await server.token('changer'));
    const wire = await dial(server);
    stops.push(() => wire.reset());
    wire.send(upgrade(`/socket.io/?EIO=4&transport=websocket&${session.slice(session.indexOf('sid='))}`));
    await wire.seen('101 Switching');
    // A few at a time: of a hundred at once the library itself would not wait for the answers.
    let over = false;
    void wire.over.then(() => (over = true));
    await eventually(
      () => {
        wire.send(Buffer.concat(Array.from({ length: 10 }, () => bytes)));
        return over;
      },
      (ended) => ended,
    );
    // Long before the time for changing over has passed.
    expect(await metric(server, 'hashi_rate_limited_total')).toBe(before + 1);
  });

  it.each([
    ['websocket pings', () => frame('', { first: 0x89 })],
    ['websocket pongs', () => frame('', { first: 0x8a })],
    ['pongs nobody asked for', () => frame('3')],
    ['acknowledgements nobody asked for', () => frame('4399[]')],
    ['other namespaces', (turn: number) => frame(`40/namespace-${turn},{}`)],
    ['asking to be let in again', () => frame('40{}')],
  ])('ends a Socket.IO client that floods it with %s', async (_what, packet) => {
    const wire = await socketIoWire(server, await server.token('pusher'));
    stops.push(() => wire.reset());
    wire.send(Buffer.concat(Array.from({ length: 1000 }, (_, turn) => packet(turn))));
    await wire.over;
  });

  it('lets a stranger ask to be let in one at a time', async () => {
    const wire = await engineWire(server);
    stops.push(() => wire.reset());
    const token = await server.token('twice');
    const connect = frame(`40${JSON.stringify({ token })}`);
    const from = await metric(server, 'hashi_connections', 'socketio');
    wire.send(Buffer.concat([connect, connect, connect]));
    await wire.seen('"connected"');
    expect(await metric(server, 'hashi_connections', 'socketio')).toBe(from + 1);
  });

  it('ends a polling client that puts thousands of packets into one request', async () => {
    const handshake = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const sid = /"sid":"([\w-]+)"/.exec(await (await fetch(handshake)).text())?.[1] ?? '';
    const payload = Array.from({ length: 4000 }, () => '3').join('\x1e');
    await fetch(`${handshake}&sid=${sid}`, { method: 'POST', body: payload });
    expect((await fetch(`${handshake}&sid=${sid}`)).status).toBe(400);
  });

  it('refuses a request larger than a message may be, and keeps nothing of it', async () => {
    const handshake = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const sid = /"sid":"([\w-]+)"/.exec(await (await fetch(handshake)).text())?.[1] ?? '';
    const answer = await fetch(`${handshake}&sid=${sid}`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect(answer.status).toBe(413);
  });

  it.each([
    { driver: rawDriver, name: 'errors to a raw client', ask: '{"type":"nothing"}' },
    { driver: rawDriver, name: 'pongs to a raw client', ask: '{"type":"ping"}' },
    { driver: websocketDriver, name: 'acknowledgements by websocket', ask: '420["nothing"]' },
    { driver: pollingDriver, name: 'acknowledgements by polling', ask: '420["nothing"]' },
  ])('is not answered for ever when it asks and never reads: $name', async ({ driver, ask }) => {
    const own = await startServer(database.url, {
      HASHI_MESSAGES_PER_SECOND: '100000',
      HASHI_MESSAGE_BURST: '1000000',
      HASHI_MAX_UNSENT_BYTES: '65536',
      HASHI_MAX_MESSAGE_BYTES: '1048576',
    });
    stops.push(() => own.stop());
    const token = await own.token('mute');
    if (driver === pollingDriver) {
      const session = await pollingSession(own, token);
      const post = (body: string) => fetch(session, { method: 'POST', body });
      const asking = Array.from({ length: 5000 }, () => ask).join('\x1e');
      await eventually(
        async () => (await post(asking)).status,
        (status) => status !== 200,
      );
    } else {
      const wire = await (driver === rawDriver ? rawWire(own, token) : socketIoWire(own, token));
      stops.push(() => wire.reset());
      wire.socket.pause();
      const asking = Buffer.concat(Array.from({ length: 20_000 }, () => frame(ask)));
      wire.send(asking);
      await eventually(
        () => {
          if (wire.socket.writableLength === 0) wire.send(asking);
          return metric(own, 'hashi_slow_consumers_total');
        },
        (slow) => slow === 1,
      );
    }
    expect(await metric(own, 'hashi_errors_total', 'SLOW_CONSUMER')).toBe(1);
    // Not for talking too much, which would end it as well, much later.
    expect(await metric(own, 'hashi_rate_limited_total')).toBe(0);
  });

  it.each([
    ['a raw client', rawWire],
    ['Socket.IO', socketIoWire],
    ['a stranger of Socket.IO', engineWire],
  ])('keeps no more than a few pieces of a message: %s', async (_who, open) => {
    const wire = await open(server, await server.token('shredder'));
    stops.push(() => wire.reset());
    const pieces = [frame('"', { first: 0x01 })];
    for (let piece = 0; piece < 10_000; piece++) pieces.push(frame('', { first: 0x00 }));
    wire.send(Buffer.concat(pieces));
    expect(closeCodeIn(await wire.over)).toBe(1008);
  });
});

it('counts closes by codes that there are, not by whatever a client makes up', async () => {
  const labels = async () =>
    [
      ...(await (await fetch(`${server.url}/metrics`)).text()).matchAll(
        /^hashi_closes_total\{code="(\w+)"\}/gm,
      ),
    ].map(([, code]) => code);
  for (const code of [1000, 3000, 3001, 4000, 4999]) {
    const wire = await rawWire(server, await server.token('namer'));
    wire.send(frame(Buffer.from([code >> 8, code & 255]), { first: 0x88 }));
    await wire.over;
  }
  const counted = await eventually(labels, (all) => all.includes('other') && all.includes('1000'));
  expect(counted.filter((code) => code?.startsWith('3') || code === '4000' || code === '4999')).toEqual([]);
});

it.each(drivers)('survives a storm of clients that come and go: $name', async (driver) => {
  const token = await server.token('stormer');
  const opened = await metric(server, 'hashi_connections');
  for (let wave = 0; wave < 5; wave++) {
    await Promise.all(
      Array.from({ length: 30 }, async (_, at) => {
        const client = driver.connect(server, token);
        const over = Promise.race([client.next('connected'), client.failed]).catch(() => undefined);
        // Some as soon as they can, some on the way in, some when they are let in or turned away.
        if (at % 3 === 0) await client.writable;
        else if (at % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
        else await over;
        client.close();
      }),
    );
  }
  await eventually(
    () => metric(server, 'hashi_connections'),
    (open) => open === opened,
  );
});

it('survives a storm of resets on the way in', async () => {
  const token = await server.token('stormer');
  const opened = await metric(server, 'hashi_connections');
  for (let wave = 0; wave < 5; wave++) {
    await Promise.all(
      Array.from({ length: 30 }, async (_, at) => {
        const client = rawClient(server, token);
        client.next('connected').catch(() => undefined);
        if (at % 2) client.ws.on('open', () => client.ws.terminate());
        else client.ws.on('upgrade', () => client.ws.terminate());
        await client.closed;
      }),
    );
  }
  await eventually(
    () => metric(server, 'hashi_connections'),
    (open) => open === opened,
  );
});
