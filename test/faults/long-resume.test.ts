/** A resume of a hundred thousand events: in order, each once, and not all of them in memory at a time. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

const missed = 100_000;
/** Written while the replay goes on, each by itself: they come live, after it. */
const meanwhile = 50;
/** The bytes of buffers are looked at after so many events. */
const lookEvery = 5000;

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

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Pages of the log are read into buffers, and frames are made in them. What nobody needs any more is none of the matter. */
function bufferBytes(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

it(
  'sends a hundred thousand missed events in order, a page at a time, and what is written meanwhile after them',
  { timeout: 120_000 },
  async () => {
    const token = await server.token('away');
    const before = rawClient(server, token, { resume: '1' });
    const { data: greeting } = await before.next('connected');
    before.close();
    await before.closed;
    await database.query(
      `insert into bounties (title, created_by)
     select g || ' ' || repeat('x', 1600), 'x' from generate_series(1, $1::int) g`,
      [missed],
    );

    const write = async () => {
      for (let number = missed + 1; number <= missed + meanwhile; number++) {
        await database.query(`insert into bounties (title, created_by) values ($1, 'x')`, [
          `${number} ${'x'.repeat(1600)}`,
        ]);
      }
    };
    let written = Promise.resolve();
    const atFirst = bufferBytes();
    let most = 0;
    let bytes = 0;
    let next = 1;
    await new Promise<void>((resolve, reject) => {
      const ws = new WebSocket(`${server.wsUrl}/?token=${token}&since=${greeting.cursor as string}`);
      ws.on('error', reject);
      ws.on('close', (code) => reject(new Error(`closed with ${code} after ${next - 1} events`)));
      ws.on('message', (frame: Buffer) => {
        const text = frame.toString();
        if (!text.startsWith('{"type":"bounty:event"')) {
          if (!text.startsWith('{"type":"connected"')) reject(new Error(text));
          return;
        }
        bytes += frame.length;
        if (!text.includes(`"title":"${next} x`)) return reject(new Error(`not event ${next}: ${text}`));
        if (next % lookEvery === 0) most = Math.max(most, bufferBytes());
        if (next === missed / 2) written = write();
        if (next++ === missed + meanwhile) {
          ws.removeAllListeners('close');
          ws.terminate();
          resolve();
        }
      });
    });
    await written;
    expect(most - atFirst).toBeLessThan(bytes / 4);
  },
);
