/** That nothing is lost between the restoring of a session and its connection: the token is checked meanwhile, which takes time. */
import { expect, it } from 'vitest';
import { createServer } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ioClient, rawClient, type Message } from '../support/clients.js';
import { createDatabase } from '../support/database.js';

const what = ({ type, data }: Message) =>
  type === 'contract:event' ? (data.payload.terms.n as number) : type === 'news' ? (data as number) : [];

it('tells a client that comes back what was committed and sent while its token was checked, once and in order', async () => {
  const database = await createDatabase();
  /** What a check of a token waits for. */
  let patience = Promise.resolve();
  let checks = 0;
  const server = createServer({
    env: {},
    settings: { DATABASE_URL: database.url, PORT: 0, HASHI_DRAIN_MS: 100 },
    logger: createLogger({ level: 'silent', format: 'json' }),
    async authenticate(token) {
      checks++;
      await patience;
      return { playerId: token };
    },
  });
  try {
    const { url } = await server.start();
    const witness = rawClient({ wsUrl: url.replace('http', 'ws') }, 'witness', { resume: '1' });
    await witness.next('connected');
    const client = ioClient({ url }, 'back');
    await client.next('connected');
    const { id } = client.socket;
    let n = 0;
    /** Handed out to whoever is connected when this resolves. */
    const happen = async () => {
      const commit = ++n;
      await database.query(`insert into contracts (terms) values (jsonb_build_object('n', $1::int))`, [
        commit,
      ]);
      await witness.next(({ data }) => data?.payload?.terms?.n === commit);
      const sent = ++n;
      server.io.emit('news', sent);
      await witness.next(({ type, data }) => type === 'news' && data === sent);
    };
    await happen();
    await client.next('news');

    for (let round = 0; round < 3; round++) {
      let goOn: () => void = () => undefined;
      patience = new Promise((resolve) => (goOn = resolve));
      const before = checks;
      client.socket.io.engine.close();
      await happen();
      // Its session has been restored, and it is not connected.
      await expect.poll(() => checks).toBe(before + 1);
      for (let count = 0; count < 5; count++) await happen();
      expect(client.socket.connected).toBe(false);
      goOn();
      expect((await client.next('connected')).data.recovered).toBe(true);
      expect(client.socket).toMatchObject({ recovered: true, id });
      await happen();
      const last = n;
      await client.next(({ type, data }) => type === 'news' && data === last);
      expect(client.messages.flatMap(what)).toEqual(Array.from({ length: n }, (_, at) => at + 1));
    }
    client.close();
    witness.close();
  } finally {
    await server.stop();
    await database.drop();
  }
});
