/** What a program sends to a client that is on its way in: once, wherever in its replay that happens to be. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createServer, type CreateServerOptions, type Server } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ioClient, rawClient, type IoClient, type Message, type TestClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let servers: Server<any>[];
let clients: TestClient[];

beforeEach(async () => {
  database = await createDatabase();
  servers = [];
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.close();
  for (const server of servers) await server.stop();
  await database.drop();
});

/** A server whose tokens are players' names. */
async function serve(options: Pick<CreateServerOptions, 'onConnection'> = {}) {
  const server = createServer({
    env: {},
    settings: { DATABASE_URL: database.url, PORT: 0, HASHI_DRAIN_MS: 100 },
    logger: createLogger({ level: 'silent', format: 'json' }),
    authenticate: (token) => ({ playerId: token }),
    ...options,
  });
  servers.push(server);
  const { url } = await server.start();
  return { server, url, wsUrl: url.replace('http', 'ws') };
}
function keep<Client extends TestClient>(client: Client): Client {
  clients.push(client);
  return client;
}
/** A client that has been greeted there, and has lost its connection. */
async function hasBeen(kind: string, at: { url: string; wsUrl: string }) {
  const before = keep(kind === 'raw' ? rawClient(at, 'p', { resume: '1' }) : ioClient(at, 'p'));
  const { data } = await before.next('connected');
  if (kind === 'raw') before.close();
  else {
    const { io } = (before as IoClient).socket;
    io.reconnection(false);
    io.engine.close();
  }
  return { before, cursor: data.cursor as string };
}
/** It goes on at another instance. */
function turnTo(client: TestClient, url: string): IoClient['socket'] {
  const { socket } = client as IoClient;
  (socket.io as unknown as { uri: string }).uri = url;
  socket.io.connect();
  socket.connect();
  return socket;
}
/** It comes back there, and reads nothing of its replay until `read` is called. */
async function resumeUnread(
  kind: string,
  before: TestClient,
  at: { url: string; wsUrl: string },
  cursor: string,
): Promise<{ client: TestClient; read: () => void }> {
  if (kind === 'raw') {
    const raw = keep(rawClient(at, 'p', { since: cursor }));
    raw.ws.once('open', () => raw.ws.pause());
    return { client: raw, read: () => raw.ws.resume() };
  }
  const socket = turnTo(before, at.url);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  const { ws } = socket.io.engine.transport as unknown as { ws: { pause(): void; resume(): void } };
  ws.pause();
  return { client: before, read: () => ws.resume() };
}
const count = (messages: readonly Message[], type: string) =>
  messages.filter((message) => message.type === type).length;

it.each(['raw', 'io'])('joins and sends while a client resumes: each comes once (%s)', async (kind) => {
  const first = await serve();
  const { before, cursor } = await hasBeen(kind, first);
  // Enough for many pages: what the handler sends is in the log before the replay has got there.
  const missed = 3000;
  await database.query('insert into contracts (status) select $1 from generate_series(1, $2::int)', [
    'missed',
    missed,
  ]);
  const second = await serve({
    onConnection(socket) {
      void socket.join('greeted');
      second.server.io.to('greeted').emit('greeted', 1);
      second.server.io.emit('everyone', 2);
    },
  });

  let client = before;
  if (kind === 'raw') client = keep(rawClient(second, 'p', { since: cursor }));
  else turnTo(before, second.url);
  expect((await client.next('connected')).data.recovered).toBe(true);
  const sent = async (name: string) => {
    second.server.io.emit(name);
    await client.next(name);
  };
  // Everything before it in the log has come when it comes.
  for (const name of ['greeted', 'everyone']) {
    await expect.poll(() => count(client.messages, name)).toBeGreaterThanOrEqual(1);
  }
  await sent('then');
  for (const name of ['greeted', 'everyone']) expect(count(client.messages, name)).toBe(1);
  expect(count(client.messages, 'contract:event')).toBe(missed);

  // Nor does it come again when memberships are read anew.
  await database.query('select realtime.resync()');
  await expect
    .poll(() => client.messages.filter((message) => message.data?.code === 'RESYNC_REQUIRED').length)
    .toBe(1);
  await sent('after');
  for (const name of ['greeted', 'everyone']) expect(count(client.messages, name)).toBe(1);
});

it.each(['raw', 'io'])(
  'sends what comes while a client is in the middle of a long replay in its place there, once (%s)',
  { timeout: 60_000 },
  async (kind) => {
    const first = await serve();
    const { before, cursor } = await hasBeen(kind, first);
    // More than the kernel takes for a client that does not read: its replay waits for it.
    const missed = 1500;
    await database.query(
      `insert into contracts (terms) select jsonb_build_object('text', repeat('x', 8000)) from generate_series(1, $1::int)`,
      [missed],
    );
    let joined: () => void = () => undefined;
    const isJoined = new Promise<void>((resolve) => (joined = resolve));
    const second = await serve({
      async onConnection(socket) {
        await socket.join('greeted');
        if (socket.data.playerId === 'p') joined();
      },
    });
    const witness = keep(rawClient(second, 'witness', { resume: '1' }));
    await witness.next('connected');

    const { client, read } = await resumeUnread(kind, before, second, cursor);
    await isJoined;
    // More than are kept for a client that is not live: what is replayed is not.
    const many = 1100;
    for (let n = 0; n < many; n++) second.server.io.emit('everyone', n);
    second.server.io.to('greeted').emit('greeted');
    second.server.io.emit('then');
    // All that has been handed out here by now, and the client is not live.
    await witness.next('then');
    expect(count(client.messages, 'then')).toBe(0);
    read();
    await client.next('then');
    expect(count(client.messages, 'contract:event')).toBe(missed);
    expect(count(client.messages, 'everyone')).toBe(many);
    expect(client.messages.slice(-2).map(({ type }) => type)).toEqual(['greeted', 'then']);
    second.server.io.emit('after');
    await client.next('after');
    for (const name of ['greeted', 'then']) expect(count(client.messages, name)).toBe(1);
    expect(count(client.messages, 'everyone')).toBe(many);
  },
);

it.each(['raw', 'io'])(
  'sends once what came without the log, and stands in it when the replay gets there (%s)',
  { timeout: 60_000 },
  async (kind) => {
    const first = await serve();
    const { before, cursor } = await hasBeen(kind, first);
    const missed = 1500;
    await database.query(
      `insert into contracts (terms) select jsonb_build_object('text', repeat('x', 8000)) from generate_series(1, $1::int)`,
      [missed],
    );
    const second = await serve({ onConnection: (socket) => socket.join('greeted') });
    const witness = keep(rawClient(second, 'witness'));
    await witness.next('connected');
    const { client, read } = await resumeUnread(kind, before, second, cursor);
    await expect.poll(async () => (await second.server.io.in('greeted').fetchSockets()).length).toBe(2);

    // Nobody can write to the log: local sockets get it after a while without.
    const holder = await database.pool.connect();
    await holder.query('begin; lock table realtime.events in share mode');
    second.server.io.emit('everyone');
    second.server.io.to('greeted').emit('greeted');
    for (const name of ['everyone', 'greeted']) await witness.next(name);
    await holder.query('rollback');
    holder.release();
    // Once this has come by the log, so has what was sent before.
    second.server.io.emit('then');
    await witness.next('then');
    await expect
      .poll(
        async () =>
          (
            await database.query(
              `select 1 from realtime.log l join realtime.events e on e.id = l.event_id where e.type = 'realtime.adapter'`,
            )
          ).length,
      )
      .toBe(3);

    read();
    await client.next('then');
    second.server.io.emit('after');
    await client.next('after');
    expect(count(client.messages, 'contract:event')).toBe(missed);
    for (const name of ['everyone', 'greeted', 'then']) {
      expect([name, count(client.messages, name)]).toEqual([name, 1]);
      expect([name, count(witness.messages, name)]).toEqual([name, 1]);
    }
  },
);
