/** Clients that take no bytes: they are cut off, and neither memory nor anybody else pays for them. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { ioClient, rawClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { eventually, Honest, metric } from './observe.js';
import { pollingSession, rawWire, socketIoWire } from './wire.js';

const maxUnsentBytes = 64 << 10;
const eventBytes = 100_000;

let database: TestDatabase;
let server: TestServer;
let honest: Honest;
const stops: (() => void)[] = [];

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url, { HASHI_MAX_UNSENT_BYTES: String(maxUnsentBytes) });
  honest = await Honest.connect(server, database);
});
afterAll(async () => {
  honest.close();
  await server.stop();
  await database.drop();
});
afterEach(() => stops.splice(0).forEach((stop) => stop()));

/** An event of 100 KB for everyone, and the wait until every honest client has it. */
const bigEvent = () => honest.event({ filler: 'x'.repeat(eventBytes) });

it('closes those who stop reading, on every transport, holds next to nothing for them, and serves the others', async () => {
  const each = 8;
  const stalled = async (at: number) => {
    const token = await server.token(`stalled-${at}`);
    const wires = [await rawWire(server, token), await socketIoWire(server, token)];
    for (const wire of wires) wire.socket.pause();
    stops.push(() => wires.forEach((wire) => wire.reset()));
    await pollingSession(server, token);
  };
  for (let at = 0; at < each; at++) await stalled(at);
  const open = 3 + 3 * each;
  expect(await metric(server, 'hashi_connections')).toBe(open);

  let mostUnsent = 0;
  await eventually(
    async () => {
      await bigEvent();
      mostUnsent = Math.max(mostUnsent, await metric(server, 'hashi_unsent_bytes'));
      return metric(server, 'hashi_slow_consumers_total');
    },
    (slow) => slow === 3 * each,
    25_000,
  );
  await eventually(
    () => metric(server, 'hashi_connections'),
    (left) => left === 3,
  );

  // Beyond the limit only the newest message, and what was being written as the limit was passed.
  expect(mostUnsent).toBeLessThanOrEqual(3 * each * (maxUnsentBytes + 3 * eventBytes));
  expect(await metric(server, 'hashi_unsent_bytes')).toBeLessThanOrEqual(eventBytes);
  expect(await metric(server, 'hashi_errors_total', 'SLOW_CONSUMER')).toBe(3 * each);
  expect(await metric(server, 'hashi_closes_total', '4408')).toBe(each);
  expect(honest.streams()).toEqual(honest.expected());
  expect(honest.errors()).toEqual([]);
});

it('tells a raw client that comes round in time, by close code 4408', async () => {
  const before = await metric(server, 'hashi_slow_consumers_total');
  const client = rawClient(server, await server.token('sleeper'));
  stops.push(() => client.ws.terminate());
  await client.next('connected');
  client.ws.pause();
  await eventually(
    async () => {
      await bigEvent();
      return metric(server, 'hashi_slow_consumers_total');
    },
    (slow) => slow > before,
  );
  client.ws.resume();
  expect((await client.closed).code).toBe(4408);
});

it('lets a Socket.IO client that was cut off come back by itself and miss nothing', async () => {
  const client = ioClient(server, await server.token('napper'));
  stops.push(() => client.close());
  await client.next('connected');
  await honest.event();
  const first = honest.sent;
  const { ws } = (
    client.socket.io.engine as unknown as { transport: { ws: { pause(): void; resume(): void } } }
  ).transport;
  ws.pause();
  const before = await metric(server, 'hashi_slow_consumers_total');
  await eventually(
    async () => {
      await bigEvent();
      return metric(server, 'hashi_slow_consumers_total');
    },
    (slow) => slow > before,
  );
  ws.resume();
  await honest.event();
  await client.next((message) => message.data?.payload?.chainId === honest.sent);
  const seen = client.messages
    .filter(({ data }) => data?.type === 'contract.created')
    .map(({ data }) => data.payload.chainId as number);
  expect(client.socket.recovered).toBe(true);
  expect(seen).toEqual(Array.from({ length: honest.sent - first + 1 }, (_, at) => first + at));
});

it('holds what a client does not read before the kernel has taken megabytes, and sends all when it reads again', async () => {
  const own = await startServer(database.url, { HASHI_MAX_UNSENT_BYTES: String(64 << 20) });
  const raw = rawClient(own, await own.token('pausing'));
  const io = ioClient(own, await own.token('pausing'));
  stops.push(
    () => raw.close(),
    () => io.close(),
  );
  await Promise.all([raw.next('connected'), io.next('connected')]);
  const { ws } = (io.socket.io.engine as unknown as { transport: { ws: { pause(): void; resume(): void } } })
    .transport;
  raw.ws.pause();
  ws.pause();
  const first = honest.sent + 1;
  // About 2 MiB go out before the client has to show that it reads.
  const passed = Math.ceil((2 << 20) / eventBytes);
  const events = passed + 10;
  for (let event = 0; event < events; event++) await bigEvent();
  // Each has taken what comes before it is asked, and what was written as that was passed.
  const unsent = () => metric(own, 'hashi_unsent_bytes');
  await eventually(unsent, (bytes) => bytes > 2 * (events - passed - 5) * eventBytes);
  raw.ws.resume();
  ws.resume();
  for (const client of [raw, io]) {
    await client.next((message) => message.data?.payload?.chainId === honest.sent);
    const seen = client.messages
      .filter(({ data }) => data?.type === 'contract.created')
      .map(({ data }) => data.payload.chainId as number);
    expect(seen).toEqual(Array.from({ length: events }, (_, at) => first + at));
  }
  await eventually(unsent, (bytes) => bytes === 0);
  await own.stop();
});
