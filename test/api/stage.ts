/** Two instances on one database, whose programs send with the Socket.IO server API, and clients of both protocols. */
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import type { OutboxOptions } from '../../src/adapter/outbox.js';
import type { AdapterProcess } from '../../src/adapter/process.js';
import { createServer, type CreateServerOptions, type Server } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ioClient, rawClient, type Message, type TestClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

export interface Instance {
  readonly server: Server<any>;
  readonly url: string;
  readonly wsUrl: string;
}

export let database: TestDatabase;
export let one: Instance;
export let two: Instance;
let clients: TestClient[] = [];
let others: Server<any>[] = [];

beforeAll(async () => {
  database = await createDatabase();
  [one, two] = await Promise.all([serve(), serve()]);
  await meet(one, two);
  for (const instance of [one, two]) leaveToTheLog(instance);
});
afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  for (const server of others) await server.stop();
  others = [];
});
afterAll(async () => {
  await Promise.all([one.server.stop(), two.server.stop()]);
  await database.drop();
});

/** On a slow machine too the order is the log's: nobody gets anything sooner because the log takes half a second. */
function leaveToTheLog({ server }: Instance): void {
  const { process } = server.io.of('/').adapter as unknown as { process: AdapterProcess };
  const { options } = process.outbox as unknown as { options: OutboxOptions };
  Object.assign(options, { localDeliveryMs: 20_000 });
}

/** A server whose tokens are players' names. */
export async function serve(
  options: CreateServerOptions = {},
  databaseUrl = database.url,
): Promise<Instance> {
  const server = createServer({
    env: {},
    settings: { DATABASE_URL: databaseUrl, PORT: 0, HASHI_DRAIN_MS: 100 },
    logger: createLogger({ level: 'silent', format: 'json' }),
    authenticate: (token) => ({ playerId: token }),
    ...options,
  });
  const { url } = await server.start();
  return { server, url, wsUrl: url.replace('http', 'ws') };
}

export async function serveAnother(
  options: CreateServerOptions = {},
  databaseUrl = database.url,
): Promise<Instance> {
  const instance = await serve(options, databaseUrl);
  others.push(instance.server);
  return instance;
}

export async function meet(...instances: Instance[]): Promise<void> {
  await vi.waitFor(async () => {
    for (const { server } of instances)
      expect(await server.io.of('/').adapter.serverCount()).toBe(instances.length);
  }, 20_000);
}

export const raw = (at: Instance, player: string, query: Record<string, string> = {}) =>
  keep(rawClient(at, player, query));
export const io = (at: Instance, player: string) => keep(ioClient(at, player));

export function keep<C extends TestClient>(client: C): C {
  clients.push(client);
  return client;
}

export const live = (...opened: TestClient[]) =>
  Promise.all(opened.map((client) => client.next('connected')));

let players = 0;
export const somebody = () => `player-${++players}`;

export async function lobbyOf(...members: string[]): Promise<string> {
  const [{ id }] = await database.query(
    "insert into lobbies (code) values ('E' || gen_random_uuid()) returning id",
  );
  for (const member of members) await join(id, member);
  return id as string;
}

export const join = (lobby: string, player: string) =>
  database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [lobby, player]);
export const leave = (lobby: string, player: string) =>
  database.query('delete from lobby_participants where lobby_id = $1 and player_id = $2', [lobby, player]);

/** What of it is told by the server API, and the types of the database's events. */
export const told = (messages: readonly Message[]) =>
  messages.map(({ type, data }) => (type.endsWith(':event') ? (data.type as string) : [type, data]));
