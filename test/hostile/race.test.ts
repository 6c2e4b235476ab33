/** Twenty of one player whose tokens turn out to be good at the very same moment. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { createServer } from '../../src/server.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { rawClient, ioClient } from '../support/clients.js';
import { eventually, metric } from './observe.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

it('finds each place once', async () => {
  const { config } = loadConfig({
    DATABASE_URL: database.url,
    PORT: '0',
    HASHI_DRAIN_MS: '100',
    HASHI_MAX_CONNECTIONS_PER_PLAYER: '3',
  });
  let letIn: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (letIn = resolve));
  let asked = 0;
  const server = createServer({
    config,
    logger: createLogger({ level: 'silent', format: 'json' }),
    hooks: {
      authenticate: async () => {
        if (++asked === 20) letIn();
        await all;
        return { playerId: 'p1', expiresAt: Date.now() + 600_000 };
      },
    },
  });
  const { url } = await server.start();
  const clients = Array.from({ length: 20 }, (_, at) =>
    at % 2 === 0 ? rawClient({ wsUrl: url.replace(/^http/, 'ws') }, 'any') : ioClient({ url }, 'any'),
  );
  const outcomes = await Promise.all(
    clients.map(async (client) => {
      if ('socket' in client) {
        return Promise.race([
          client.next('connected').then(() => 'in'),
          new Promise((resolve) =>
            client.socket.once('connect_error', (error: Error & { data?: { code: string } }) => {
              resolve(error.data?.code);
            }),
          ),
        ]);
      }
      const { type, data } = await client.next();
      return type === 'connected' ? 'in' : (data.code as string);
    }),
  );
  expect(outcomes.filter((outcome) => outcome === 'in')).toHaveLength(3);
  expect(outcomes.filter((outcome) => outcome === 'TOO_MANY_CONNECTIONS')).toHaveLength(17);
  for (const client of clients) client.close();
  await server.stop();
});

it('holds no place for those who were gone before their tokens were good', async () => {
  const { config } = loadConfig({
    DATABASE_URL: database.url,
    PORT: '0',
    HASHI_DRAIN_MS: '100',
    HASHI_MAX_CONNECTIONS_PER_PLAYER: '1',
  });
  const asked: (() => void)[] = [];
  let onAsked: () => void = () => undefined;
  let later = true;
  const server = createServer({
    config,
    logger: createLogger({ level: 'silent', format: 'json' }),
    hooks: {
      authenticate: async () => {
        if (later) {
          await new Promise<void>((resolve) => {
            asked.push(resolve);
            onAsked();
          });
        }
        return { playerId: 'p1', expiresAt: Date.now() + 600_000 };
      },
    },
  });
  const { url } = await server.start();
  const wsUrl = url.replace(/^http/, 'ws');
  const all = new Promise<void>((resolve) => {
    onAsked = () => {
      if (asked.length === 6) resolve();
    };
  });
  const hasty = Array.from({ length: 6 }, (_, at) =>
    at % 2 === 0 ? rawClient({ wsUrl }, 'any') : ioClient({ url }, 'any', { reconnection: false }),
  );
  await all;
  for (const client of hasty) {
    if ('socket' in client) client.socket.io.engine.close();
    else client.ws.terminate();
  }
  // The server has seen them go, and only then are their tokens good.
  await eventually(
    () =>
      metric({ url }, 'hashi_closes_total').then(
        async (raw) => raw + (await metric({ url }, 'hashi_socketio_closes_total')),
      ),
    (gone) => gone === 6,
  );
  later = false;
  for (const letIn of asked) letIn();
  const last = rawClient({ wsUrl }, 'any');
  expect((await last.next()).type).toBe('connected');
  last.close();
  await server.stop();
});
