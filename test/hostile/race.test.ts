/** Twenty of one player whose tokens turn out to be good at the very same moment. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { createServer } from '../../src/server.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { rawClient, ioClient } from '../support/clients.js';

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
