/** On another program's HTTP server: requests to our paths are limited, that program's own are as it likes. */
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createServer, type Server } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ioClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { dial, pollingSession } from './wire.js';

const upgradeTimeoutMs = 100;
/** Of a body: three times that of headers. */
const bodyMs = 3 * upgradeTimeoutMs;

let database: TestDatabase;
let http: HttpServer;
let server: Server;
let at: { url: string };
const stops: (() => void)[] = [];

beforeAll(async () => {
  database = await createDatabase();
  http = createHttpServer((request, response) => {
    request.resume().on('end', () => response.end(`theirs: ${request.url}\n`));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  server = createServer({
    env: {},
    settings: {
      DATABASE_URL: database.url,
      HASHI_DRAIN_MS: 100,
      HASHI_UPGRADE_TIMEOUT_MS: upgradeTimeoutMs,
      HASHI_MESSAGE_BURST: 100_000,
    },
    logger: createLogger({ level: 'silent', format: 'json' }),
    authenticate: (token) => ({ playerId: token }),
    httpServer: http,
    rawPath: '/live',
  });
  await server.start();
  at = { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` };
});
afterEach(() => stops.splice(0).forEach((stop) => stop()));
afterAll(async () => {
  await server.stop();
  http.close();
  http.closeAllConnections();
  await database.drop();
});

it('ends a connection that asks for more polls than anybody waits for', async () => {
  const wire = await dial(at);
  stops.push(() => wire.reset());
  wire.send('GET /socket.io/?EIO=4&transport=polling&sid=nobody HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5000));
  const answers = (await wire.over).match(/HTTP\/1\.1 /g) ?? [];
  expect(answers.length).toBeLessThan(100);
});

it("answers as many of the other program's requests as there are, each as it was sent", async () => {
  const wire = await dial(at);
  stops.push(() => wire.reset());
  const targets = Array.from({ length: 100 }, (_, turn) => `${at.url}/${turn}`);
  for (const target of targets) wire.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const answers = await wire.seen(`theirs: ${targets.at(-1)}`);
  expect(answers.match(/(?<=theirs: ).+/g)).toEqual(targets);
});

it("gives a body to our path a bounded time, and the other program's as long as it takes", async () => {
  const path = (url: string) => url.slice(at.url.length);
  const begin = (target: string) => `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n`;
  const [ours, theirs] = await Promise.all([dial(at), dial(at)]);
  stops.push(() => [ours, theirs].forEach((wire) => wire.reset()));
  ours.send(begin(path(await pollingSession(at, 'player'))));
  theirs.send(begin('/upload') + 'x');
  const drip = setInterval(() => ours.send('x'), 20);
  stops.push(() => clearInterval(drip));
  const from = performance.now();
  await ours.over;
  expect(performance.now() - from).toBeGreaterThan(0.9 * bodyMs);
  // Begun no later than the other, and not ended with it.
  theirs.send('x'.repeat(9999));
  await theirs.seen('theirs: /upload');
});

it('lets a client poll for longer than one request may take', async () => {
  const client = ioClient(at, 'patient', { transports: ['polling'] });
  stops.push(() => client.close());
  await client.next('connected');
  const from = performance.now();
  while (performance.now() - from < 2 * bodyMs) {
    client.socket.emit('ping');
    await client.next('pong');
  }
  expect(client.socket.recovered).toBe(false);
  expect(client.messages.filter(({ type }) => type === 'connected')).toHaveLength(1);
});
