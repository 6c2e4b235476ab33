/** What a program sends to a client that is on its way in: once, wherever in its replay that happens to be. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createServer, type CreateServerOptions, type Server } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ioClient, rawClient, type Message, type TestClient } from '../support/clients.js';
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
const count = (messages: readonly Message[], type: string) =>
  messages.filter((message) => message.type === type).length;

it.each(['raw', 'io'])('joins and sends while a client resumes: each comes once (%s)', async (kind) => {
  const first = await serve();
  const before = kind === 'raw' ? rawClient(first, 'p', { resume: '1' }) : ioClient(first, 'p');
  keep(before);
  const { data } = await before.next('connected');
  if (kind === 'raw') before.close();
  else {
    const { io } = (before as ReturnType<typeof ioClient>).socket;
    io.reconnection(false);
    io.engine.close();
  }
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
  if (kind === 'raw') client = keep(rawClient(second, 'p', { since: data.cursor as string }));
  else {
    const { socket } = before as ReturnType<typeof ioClient>;
    (socket.io as unknown as { uri: string }).uri = second.url;
    socket.io.connect();
    socket.connect();
  }
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
