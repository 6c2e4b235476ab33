/** `serve --workers 2`, as a command: one port, both kinds of clients, wherever they land. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../support/child.js';
import { ioClient, rawClient, type IoClient, type RawClient, type TestClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { serveByWorkers, tokenOf, workersOf } from '../support/workers.js';

let dataDir: string;
let database: TestDatabase;
let child: Child;
let server: { url: string; wsUrl: string };
const clients: TestClient[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-workers-test-'));
  database = await createDatabase();
  child = serve('2');
  const [, url = ''] = await child.printed(/^ *(http:\/\/127\.0\.0\.1:\d+)\/#token=/m);
  server = { url, wsUrl: url.replace(/^http/, 'ws') };
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  child?.signal('SIGKILL');
  await child?.exited;
  await database?.drop();
  await rm(dataDir, { recursive: true });
});

const serve = (workers: string, env: Record<string, string> = {}) =>
  serveByWorkers(workers, { HASHI_DATA_DIR: dataDir, DATABASE_URL: database.url, ...env });
const token = (player: string) => tokenOf(dataDir, player);

async function raw(player: string, query: Record<string, string> = {}): Promise<RawClient> {
  const client = rawClient(server, await token(player), query);
  clients.push(client);
  return client;
}

async function io(player: string, transports: string[]): Promise<IoClient> {
  const client = ioClient(server, await token(player), { transports });
  clients.push(client);
  await client.next('connected');
  return client;
}

const insert = (title: string) =>
  database.query('insert into bounties (title, created_by) values ($1, $2)', [title, 'nobody']);
const titled = (title: string) => (message: { data: any }) => message.data?.payload?.title === title;

async function get(path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${server.url}${path}`, { headers: { Connection: 'close' } });
  return { status: response.status, text: await response.text() };
}

/** Asks until it is so: nothing else tells when the workers have heard of each other. */
async function untilReady(status: number): Promise<void> {
  while ((await get('/readyz')).status !== status) await new Promise((resolve) => setTimeout(resolve, 50));
}

const connections = (metrics: string, transport: string) =>
  Number(new RegExp(`hashi_connections\\{transport="${transport}"\\} (\\d+)`).exec(metrics)?.[1]);

describe('serve --workers', () => {
  it('sends every event to clients of every kind, whichever worker has them', async () => {
    await untilReady(200);
    const all = [
      ...(await Promise.all(Array.from({ length: 6 }, (_, n) => raw(`raw-${n}`)))),
      ...(await Promise.all(Array.from({ length: 4 }, (_, n) => io(`io-${n}`, ['websocket'])))),
      ...(await Promise.all(
        Array.from({ length: 4 }, (_, n) => io(`upgraded-${n}`, ['polling', 'websocket'])),
      )),
      ...(await Promise.all(Array.from({ length: 4 }, (_, n) => io(`polling-${n}`, ['polling'])))),
    ];
    for (const client of all.slice(0, 6)) await client.next('connected');
    await insert('to all');
    for (const client of all) await client.next(titled('to all'));
    // A request and its answer, too, over as many HTTP requests as it takes.
    const polling = all.at(-1) as IoClient;
    expect(await polling.socket.emitWithAck('ping')).toMatchObject({ ok: true });
  });

  it('upgrades a session from polling, on whichever worker it began', async () => {
    const upgraded = await Promise.all(
      Array.from({ length: 6 }, (_, n) => io(`upgrading-${n}`, ['polling', 'websocket'])),
    );
    for (const { socket } of upgraded) {
      const { engine } = socket.io;
      if (engine.transport.name === 'websocket') continue;
      await new Promise((resolve, reject) => {
        engine.once('upgrade', resolve);
        // Nothing tries again then.
        engine.once('upgradeError', reject);
        engine.once('close', (reason) => reject(new Error(`closed before its upgrade: ${reason}`)));
      });
    }
    await insert('after the upgrade');
    for (const client of upgraded) await client.next(titled('after the upgrade'));
    expect(upgraded.map(({ socket }) => socket.recovered)).toEqual(upgraded.map(() => false));
  });

  it('gives the metrics of all workers together', async () => {
    const opened = await Promise.all(Array.from({ length: 6 }, (_, n) => raw(`counted-${n}`)));
    for (const client of opened) await client.next('connected');
    const io1 = await io('counted', ['websocket']);
    // Those of the tests before may not all be gone.
    await expect.poll(async () => connections((await get('/metrics')).text, 'websocket')).toBe(6);
    const { text } = await get('/metrics');
    expect(connections(text, 'socketio')).toBeGreaterThanOrEqual(1);
    expect(text).toMatch(/^hashi_ready 1$/m);
    io1.close();
    expect((await get('/healthz')).status).toBe(200);
  });

  it('answers who polls a session of a worker that is gone as any server that does not know it', async () => {
    const answer = await get(`/socket.io/?EIO=4&transport=polling&sid=999.${'x'.repeat(20)}`);
    expect(answer).toMatchObject({
      status: 400,
      text: JSON.stringify({ code: 1, message: 'Session ID unknown' }),
    });
  });

  it('starts a killed worker again, and its clients go on where they were', async () => {
    const raws = await Promise.all(Array.from({ length: 6 }, (_, n) => raw(`cut-${n}`)));
    const cursors = await Promise.all(
      raws.map(async (client) => (await client.next('connected')).data.cursor),
    );
    const ios = await Promise.all(Array.from({ length: 6 }, (_, n) => io(`cut-io-${n}`, ['websocket'])));
    const polling = await Promise.all(
      Array.from({ length: 3 }, (_, n) => io(`cut-polling-${n}`, ['polling'])),
    );
    const before = await workersOf(child);
    expect(before).toHaveLength(2);
    const back = raws.map(async (client, n) => {
      await client.closed;
      return raw(`cut-${n}`, { since: cursors[n] as string });
    });

    const reconnected = Promise.race(
      ios.map(({ socket }) => new Promise((resolve) => socket.io.once('reconnect', resolve))),
    );
    process.kill(before[0] as number, 'SIGKILL');
    await insert('while it was down');
    await reconnected;
    for (const client of [...ios, ...polling]) await client.next(titled('while it was down'));
    // Those of the other worker are not touched.
    const cut = await Promise.any(back);
    await cut.next(titled('while it was down'));

    // The other one serves meanwhile, and may say that it is ready.
    await expect.poll(() => workersOf(child)).toHaveLength(2);
    await untilReady(200);
    const after = await workersOf(child);
    expect(after).toHaveLength(2);
    expect(after).toContain(before[1]);
    expect(child.output()).toContain('a worker ended');
  });

  it('lets all clients of all workers go at SIGTERM, and ends with 0', async () => {
    const raws = await Promise.all(Array.from({ length: 6 }, (_, n) => raw(`leaving-${n}`)));
    for (const client of raws) await client.next('connected');
    process.kill(child.pid, 'SIGTERM');
    const closed = await Promise.all(raws.map((client) => client.closed));
    expect(closed.map(({ code }) => code)).toEqual(raws.map(() => 1012));
    expect(await child.exited).toBe(0);
  });

  it('ends all workers at once on a second signal a second later, and leaves nothing behind', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'hashi-workers-ended-'));
    const ending = serve('2', {
      HASHI_DRAIN_MS: '60000',
      HASHI_MAX_CONNECTIONS_PER_PLAYER: '200',
      TMPDIR: temporary,
    });
    const [, url = ''] = await ending.printed(/^ *(http:\/\/127\.0\.0\.1:\d+)\/#token=/m);
    server = { url, wsUrl: url.replace(/^http/, 'ws') };
    await untilReady(200);
    const raws = await Promise.all(Array.from({ length: 100 }, () => raw('staying')));
    for (const client of raws) await client.next('connected');
    expect(await readdir(temporary)).not.toEqual([]);
    ending.signal('SIGTERM');
    // Each worker lets them go one by one: by the fiftieth more than a second has passed.
    await new Promise<void>((resolve) => {
      let left = 50;
      for (const client of raws) void client.closed.then(() => --left === 0 && resolve());
    });
    ending.signal('SIGTERM');
    expect(await ending.exited).toBe(1);
    await Promise.all(raws.map((client) => client.closed));
    expect((await readdir(temporary)).filter((name) => name.startsWith('hashi-workers-'))).toEqual([]);
    await rm(temporary, { recursive: true });
  });

  it('ends with 1 and the reason when its workers cannot listen', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const port = String((other.address() as AddressInfo).port);
    const second = serve('2', { PORT: port });
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain(`Port ${port} of 127.0.0.1 is taken`);
    other.close();
  });
});
