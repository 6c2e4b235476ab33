/** Limits of connections under `serve --workers 2`: they hold for the instance, not for each of its processes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../support/child.js';
import { ioClient, rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { serveByWorkers, tokenOf, workersOf } from '../support/workers.js';

const perPlayer = 4;
const perAddress = 6;
const perInstance = 8;

interface Attempt {
  /** `in`, or the code of the protocol or the HTTP status it was refused with. */
  readonly outcome: Promise<string>;
  /** Resolves when the connection is over. */
  readonly gone: Promise<void>;
  close(): void;
}

interface Server {
  readonly child: Child;
  readonly url: string;
  readonly wsUrl: string;
}

let dataDir: string;
let database: TestDatabase;
/** Its instance has room for all. */
let roomy: Server;
/** Its instance has not. */
let tight: Server;
const children: Child[] = [];
const attempts: Attempt[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-workers-limits-'));
  database = await createDatabase();
  roomy = await serve({
    HASHI_MAX_CONNECTIONS_PER_PLAYER: String(perPlayer),
    HASHI_MAX_CONNECTIONS_PER_ADDRESS: String(perAddress),
  });
  tight = await serve({ HASHI_MAX_CONNECTIONS: String(perInstance) });
});
afterEach(async () => {
  for (const attempt of attempts) attempt.close();
  await Promise.all(attempts.splice(0).map(({ gone }) => gone));
});
afterAll(async () => {
  for (const child of children) {
    child.signal('SIGKILL');
    await child.exited;
  }
  await database?.drop();
  await rm(dataDir, { recursive: true });
});

async function serve(env: Record<string, string>): Promise<Server> {
  const child = serveByWorkers('2', {
    HASHI_DATA_DIR: dataDir,
    DATABASE_URL: database.url,
    HASHI_TRUSTED_PROXIES: '1',
    ...env,
  });
  children.push(child);
  const [, url = ''] = await child.printed(/^ *(http:\/\/127\.0\.0\.1:\d+)\/#token=/m);
  return { child, url, wsUrl: url.replace(/^http/, 'ws') };
}

const behind = (address: string) => ({ 'X-Forwarded-For': address });

async function raw(
  server: Server,
  player: string,
  address: string,
): Promise<Attempt & { answers(): Promise<boolean> }> {
  const client = rawClient(server, await tokenOf(dataDir, player), {}, { headers: behind(address) });
  const status = new Promise<string>((resolve) => {
    client.ws.on('unexpected-response', (_request, response) => {
      resolve(String(response.statusCode));
      client.ws.terminate();
    });
  });
  const first = client.next().then(
    ({ type, data }) => (type === 'connected' ? 'in' : (data.code as string)),
    // The refusal says it.
    () => status,
  );
  const gone = client.closed.then(() => undefined);
  return {
    outcome: Promise.race([first, status]),
    gone,
    close: () => client.ws.terminate(),
    /** Whether it is still served. */
    answers() {
      client.send({ type: 'ping' });
      return Promise.race([client.next('pong').then(() => true), gone.then(() => false)]).catch(() => false);
    },
  };
}

const socketIo = (transport: 'websocket' | 'polling') =>
  async function (server: Server, player: string, address: string): Promise<Attempt> {
    const socket: Socket = io(server.url, {
      auth: { token: await tokenOf(dataDir, player) },
      transports: [transport],
      forceNew: true,
      reconnection: false,
      extraHeaders: behind(address),
    });
    let end = () => undefined as void;
    const gone = new Promise<void>((resolve) => (end = resolve));
    const outcome = new Promise<string>((resolve) => {
      socket.on('connect', () => resolve('in'));
      socket.on('connect_error', (error) => {
        const { data, context, description } = error as any;
        resolve(data?.code ?? String(context?.status ?? /\d{3}/.exec(description?.message ?? '')?.[0]));
        end();
      });
    });
    socket.on('disconnect', () => end());
    return {
      outcome,
      gone,
      close() {
        socket.disconnect();
        end();
      },
    };
  };

const transports = [
  { name: 'raw', connect: raw, from: '198.51.100.1' },
  { name: 'Socket.IO by websocket', connect: socketIo('websocket'), from: '198.51.100.2' },
  { name: 'Socket.IO by polling', connect: socketIo('polling'), from: '198.51.100.3' },
];

/** So many at once, wherever they land. */
async function open(
  server: Server,
  many: number,
  connect: (server: Server, player: string, address: string) => Promise<Attempt>,
  who: (n: number) => { player?: string; address?: string },
): Promise<string[]> {
  const opened = await Promise.all(
    Array.from({ length: many }, (_, n) => {
      const { player = `player-${n}`, address = `192.0.2.${n}` } = who(n);
      return connect(server, player, address);
    }),
  );
  attempts.push(...opened);
  return Promise.all(opened.map(({ outcome }) => outcome));
}

const count = (outcomes: readonly string[], outcome: string) =>
  outcomes.filter((each) => each === outcome).length;

/** Asks until somebody gets in: nothing else tells when a place is free. */
async function untilIn(connect: () => Promise<Attempt>): Promise<void> {
  for (;;) {
    const attempt = await connect();
    attempts.push(attempt);
    if ((await attempt.outcome) === 'in') return;
    await attempt.gone;
  }
}

/** The first attempt that got in. */
async function indexIn(): Promise<number> {
  const outcomes = await Promise.all(attempts.map(({ outcome }) => outcome));
  return outcomes.indexOf('in');
}

describe.each(transports)('limits of connections over all workers: $name', ({ name, connect, from }) => {
  it('lets a player have so many connections and no more', async () => {
    const outcomes = await open(roomy, perPlayer * 2, connect, () => ({ player: name }));
    expect(count(outcomes, 'in')).toBe(perPlayer);
    expect(count(outcomes, 'TOO_MANY_CONNECTIONS')).toBe(perPlayer);
    attempts[await indexIn()]?.close();
    await untilIn(() => connect(roomy, name, '192.0.2.100'));
  });

  it('lets an address have so many', async () => {
    const outcomes = await open(roomy, perAddress + 4, connect, () => ({ address: from }));
    expect(count(outcomes, 'in')).toBe(perAddress);
    expect(count(outcomes, '429')).toBe(4);
    // Others are not concerned.
    await untilIn(() => connect(roomy, 'another', '192.0.2.100'));
  });

  it('lets the instance have so many', async () => {
    // Those of the test before may not all be gone.
    await untilIn(() => connect(tight, 'first', '203.0.113.99'));
    for (let n = 1; n < perInstance; n++) await untilIn(() => raw(tight, `first-${n}`, `203.0.113.${n}`));
    expect(await open(tight, 3, connect, () => ({}))).toEqual(['503', '503', '503']);
    attempts[await indexIn()]?.close();
    await untilIn(() => connect(tight, 'late', '203.0.113.100'));
  });
});

it('lets a session be taken up on any worker, though its old connection still has the last place', async () => {
  const player = 'traveller';
  const token = await tokenOf(dataDir, player);
  const others = await Promise.all(
    Array.from({ length: perPlayer - 1 }, () => raw(roomy, player, '192.0.2.1')),
  );
  attempts.push(...others);
  for (const { outcome } of others) expect(await outcome).toBe('in');
  const first = ioClient(roomy, token, { reconnection: false });
  const { cursor } = (await first.next('connected')).data;
  const pid = (first.socket as unknown as { _pid: string })._pid;
  let current = first;
  for (let n = 0; n < 4; n++) {
    // As a client comes back whose network has changed: nobody has closed what it had.
    const next = ioClient(roomy, token, { reconnection: false, auth: { token, pid, offset: cursor } });
    expect((await next.next('connected')).data).toMatchObject({ recovered: true });
    // It has one place, and not one on each worker.
    await new Promise((resolve) => {
      if (current.socket.connected) current.socket.once('disconnect', resolve);
      else resolve(null);
    });
    current = next;
  }
  current.close();
});

it('has the places free that a killed worker held, and no others', async () => {
  const held = [];
  // One by one they go to the workers in turn.
  for (let n = 0; n < perPlayer; n++) {
    // From where nobody else was: those of the test before may not all be gone.
    const attempt = await raw(roomy, 'survivor', '192.0.2.200');
    attempts.push(attempt);
    held.push(attempt);
    expect(await attempt.outcome).toBe('in');
  }
  const [victim] = await workersOf(roomy.child);
  process.kill(victim as number, 'SIGKILL');
  await roomy.child.printed(/a worker ended/);
  const alive = await Promise.all(held.map((attempt) => attempt.answers()));
  expect(new Set(alive)).toEqual(new Set([true, false]));
  const back = await open(roomy, perPlayer * 2, raw, () => ({ player: 'survivor' }));
  expect(count(back, 'in')).toBe(alive.filter((answered) => !answered).length);
});
