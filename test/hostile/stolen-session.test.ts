/** Socket.IO's connection state recovery is asked for before the token is checked: nobody gains or breaks by that. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { ioClient, type IoClient } from '../support/clients.js';
import { startServer, type TestServer } from '../support/server.js';
import { engineWire, frame, type Wire } from './wire.js';

let database: TestDatabase;
let server: TestServer;
let victim: IoClient;
let lobbyId: string;
let before: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
  const [lobby] = await database.query(`insert into lobbies (code) values ('PRIVATE') returning id`);
  lobbyId = lobby?.id as string;
  await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'victim')`, [
    lobbyId,
  ]);
  victim = ioClient(server, await server.token('victim'));
  before = (await victim.next('connected')).data.cursor as string;
  await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'friend')`, [
    lobbyId,
  ]);
  await victim.next('lobby.joined');
});
afterAll(async () => {
  victim.close();
  await server.stop();
  await database.drop();
});

/** Asks for the victim's session. */
async function takeUp(auth: object): Promise<Wire> {
  const { _pid: pid } = victim.socket as unknown as { _pid: string };
  expect(pid).toMatch(/^[\w-]+\./);
  const wire = await engineWire(server);
  wire.send(frame(`40${JSON.stringify({ pid, offset: before, ...auth })}`));
  return wire;
}

/** The victim is in its rooms still: it gets what happens there. */
async function unharmed(): Promise<void> {
  await database.query(
    `update lobby_participants set player_id = player_id || '+' where player_id like 'friend%'`,
  );
  await victim.next('lobby.joined');
  expect(victim.socket.connected).toBe(true);
}

it('is not taken up without a token', async () => {
  const wire = await takeUp({});
  await wire.seen('AUTH_ERROR');
  await wire.over;
  await unharmed();
});

it('is not taken up with the token of another player, who sees nothing of it and is told', async () => {
  const wire = await takeUp({ token: await server.token('thief') });
  const seen = await wire.seen('RESUME_FAILED');
  expect(seen).not.toContain(lobbyId);
  expect(seen).not.toContain('lobby:event');
  wire.reset();
  await unharmed();
});

it('is not taken up when its client leaves before the token is checked', async () => {
  const wire = await takeUp({ token: await server.token('thief') });
  wire.reset();
  await unharmed();
});

it('is taken up by its own player', async () => {
  const wire = await takeUp({ token: await server.token('victim') });
  await wire.seen('lobby.joined');
  wire.reset();
});
