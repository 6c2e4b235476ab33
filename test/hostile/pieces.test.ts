/** Thousands of messages in one piece: little is done for them before their limit has its effect. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { eventually } from './observe.js';
import { closeCodeIn, frame, rawWire, socketIoWire } from './wire.js';

const burst = 30;

let database: TestDatabase;
let server: TestServer;

/** What the server knows of the connection that was opened last. */
interface Engine {
  readonly ws?: { readonly isPaused: boolean };
  readonly transport: { readonly socket?: { readonly isPaused: boolean } };
  on(event: 'packet', listener: () => void): void;
}
let opened: Engine;
let packets = 0;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url, {
    HASHI_MESSAGES_PER_SECOND: '1',
    HASHI_MESSAGE_BURST: String(burst),
  });
  server.server.io.engine.on('connection', (engine: Engine) => {
    opened = engine;
    engine.on('packet', () => packets++);
  });
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

const many = (message: string) => Buffer.concat(Array.from({ length: 20_000 }, () => frame(message)));

it('hands few events of Socket.IO on, tells once, and reads no more', async () => {
  const wire = await socketIoWire(server, await server.token('p1'));
  packets = 0;
  wire.send(many('42["nothing"]'));
  const { transport } = opened;
  await wire.seen('RATE_LIMITED');
  const received = await wire.over;
  expect(received.match(/RATE_LIMITED/g)).toHaveLength(1);
  // Not to come back by itself.
  expect(received).toContain('\x0241');
  expect(packets).toBeLessThan(4 * burst);
  expect(transport.socket?.isPaused).toBe(true);
});

it('reads no more of a raw client', async () => {
  const wire = await rawWire(server, await server.token('p1'));
  const { ws } = opened;
  wire.send(many('{"type":"nothing"}'));
  await eventually(
    () => ws?.isPaused,
    (paused) => paused === true,
  );
  const received = await wire.over;
  expect(received.match(/RATE_LIMITED"/g)?.length).toBeGreaterThanOrEqual(1);
  expect(closeCodeIn(received)).toBe(4429);
});

it('lets a client that was only a little too quick answer its close', async () => {
  const wire = await rawWire(server, await server.token('p1'));
  const { ws } = opened;
  const pings = Array.from({ length: 2 * burst + 10 }, () => frame('{"type":"ping"}'));
  wire.send(Buffer.concat(pings));
  await wire.seen('\x88');
  wire.send(frame(Buffer.from([4429 >> 8, 4429 & 255]), { first: 0x88 }));
  await wire.over;
  expect(ws?.isPaused).toBe(false);
});
