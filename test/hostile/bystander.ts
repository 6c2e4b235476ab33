/** A server with an honest client, whose stream must be exact after every test, whatever the test has sent. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { Honest } from './observe.js';

export let server: TestServer;
export let honest: Honest;
/** Of the player who is not honest. */
export let token: string;

/** Called once by a test file. */
export function watchBystander(env: Record<string, string>): void {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase();
    server = await startServer(database.url, {
      HASHI_MAX_CONNECTIONS_PER_PLAYER: '1000',
      HASHI_MAX_CONNECTIONS_PER_ADDRESS: '1000',
      ...env,
    });
    honest = await Honest.connect(server, database);
    token = await server.token('p1');
  });
  afterAll(async () => {
    honest.close();
    await server.stop();
    await database.drop();
  });
  afterEach(async () => {
    await honest.event();
    expect(honest.streams()).toEqual(honest.expected());
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
}
