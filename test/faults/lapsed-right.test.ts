/** That no right outlasts a gap in the log: what was read before it is read again. */
import { expect, it } from 'vitest';
import { createServer } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { rawClient } from '../support/clients.js';
import { createDatabase } from '../support/database.js';

it('asks again whether a client may subscribe, when the database was replaced since it was asked', async () => {
  const database = await createDatabase();
  let asked: () => void = () => undefined;
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  let goOn: () => void = () => undefined;
  const replaced = new Promise<void>((resolve) => (goOn = resolve));
  const server = createServer({
    env: {},
    settings: { DATABASE_URL: database.url, PORT: 0, HASHI_DRAIN_MS: 100 },
    logger: createLogger({ level: 'silent', format: 'json' }),
    authenticate: (token) => ({ playerId: token }),
    async canSubscribe({ allowed }) {
      asked();
      await replaced;
      return allowed;
    },
  });
  try {
    const { url } = await server.start();
    const [lobby] = await database.query(
      `insert into lobbies (code, visibility) values ('OPEN', 'public') returning id`,
    );
    const client = rawClient({ wsUrl: url.replace('http', 'ws') }, 'spectator', { resume: '1' });
    await client.next('connected');
    client.send({ type: 'subscribe', id: 'ask', data: { lobbyId: lobby.id } });
    await isAsked;
    // As on another database: nobody is told of this change by its entry.
    await database.query(`begin; set local session_replication_role = replica;
      update lobbies set visibility = 'private'; update realtime.state set cluster = 'another'; commit`);
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'hashi-socket listener' and datname = current_database()`,
    );
    await client.next(({ data }) => data.code === 'RESYNC_REQUIRED');
    goOn();
    const answer = await client.next(({ data }) => data.id === 'ask');
    expect(answer).toMatchObject({ type: 'error', data: { code: 'SUBSCRIBE_DENIED' } });
    client.close();
  } finally {
    await server.stop();
    await database.drop();
  }
});
