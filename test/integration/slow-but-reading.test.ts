/** Clients that take their time over each message are not slow: what comes faster than anybody reads waits for them. */
import { afterAll, beforeAll, it } from 'vitest';
import { WebSocket } from 'ws';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

const rows = 5000;
/** What a client does with each message, in milliseconds. */
const workMs = 1;

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

it('brings all rows of one statement to a client that works on each', { timeout: 120_000 }, async () => {
  const ws = new WebSocket(`${server.wsUrl}/?token=${await server.token('diligent')}`);
  let seen = 0;
  let connected: () => void;
  const greeted = new Promise<void>((resolve) => (connected = resolve));
  const all = new Promise<void>((resolve, reject) => {
    ws.on('error', reject);
    ws.on('close', (code, reason) =>
      reject(new Error(`closed with ${code} ${reason.toString()} after ${seen} events`)),
    );
    ws.on('message', (frame: Buffer) => {
      const text = frame.toString();
      if (text.startsWith('{"type":"connected"')) return connected();
      const until = performance.now() + workMs;
      while (performance.now() < until);
      if (!text.includes(`"title":"${++seen} x`)) return reject(new Error(`not event ${seen}: ${text}`));
      if (seen === rows) resolve();
    });
  });
  // Awaited below; it may fail before.
  all.catch(() => undefined);
  await greeted;
  await database.query(
    `insert into bounties (title, created_by) select g || ' ' || repeat('x', 1000), 'x' from generate_series(1, $1::int) g`,
    [rows],
  );
  await all;
  ws.removeAllListeners('close');
  ws.terminate();
});
