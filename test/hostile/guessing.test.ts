/** Who guesses lobbies learns nothing: not whether they are there, not by the answer, not by its time. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { drivers, type Client } from '../conformance/drivers.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { Honest, metric } from './observe.js';

let database: TestDatabase;
let server: TestServer;
let honest: Honest;
const clients: { close(): void }[] = [];

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url, {
    HASHI_MESSAGES_PER_SECOND: '100000',
    HASHI_MESSAGE_BURST: '10000',
  });
  honest = await Honest.connect(server, database);
  await database.query(`insert into lobbies (code) select 'CODE' || n from generate_series(1, 500) n`);
});
afterEach(() => clients.splice(0).forEach((client) => client.close()));
afterAll(async () => {
  honest.close();
  await server.stop();
  await database.drop();
});

describe.each(drivers)('$name', (driver) => {
  it('gets the same answer for a lobby that is not its own and for one that is not there', async () => {
    const [{ id, code }] = (await database.query(`select id, code from lobbies limit 1`)) as [
      { id: string; code: string },
    ];
    const client = driver.connect(server, await server.token('guesser'));
    clients.push(client);
    await client.next('connected');
    const guesses = [
      { lobbyId: id },
      { lobbyCode: code },
      { lobbyId: '00000000-0000-4000-8000-000000000000' },
      { lobbyCode: 'NOBODY' },
      { lobbyId: `${id}x` },
      { lobbyCode: `${code} ` },
    ];
    const answers = [];
    for (const guess of guesses) answers.push(JSON.stringify(await client.ask('subscribe', guess)));
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('SUBSCRIBE_DENIED');
    // Leaving says no more than coming.
    for (const guess of guesses) expect(await client.ask('unsubscribe', guess)).toMatchObject({ ok: true });
  });
});

/** How long the answer takes, in milliseconds. */
async function msTo(client: Client, lobbyCode: string): Promise<number> {
  const from = performance.now();
  await client.ask('subscribe', { lobbyCode });
  return performance.now() - from;
}

it.each(drivers)(
  'takes as long to refuse a lobby that is there as one that is not: $name',
  async (driver) => {
    const client = driver.connect(server, await server.token('timer'));
    clients.push(client);
    await client.next('connected');
    const pairs = 200;
    let longer = 0;
    for (let pair = -50; pair < pairs; pair++) {
      // One right after the other, each as often first: a busy machine is as busy for both.
      const codes = [`CODE${Math.abs(pair) + 1}`, `GONE${Math.abs(pair) + 1}`] as const;
      const [first, second] = pair % 2 === 0 ? codes : ([codes[1], codes[0]] as const);
      const [one, other] = [await msTo(client, first), await msTo(client, second)];
      // The first fifty warm it up.
      if (pair >= 0 && (pair % 2 === 0 ? one > other : other > one)) longer++;
    }
    // By chance alone it is half of them; a third is as good as never.
    expect(longer / pairs).toBeGreaterThan(1 / 3);
    expect(longer / pairs).toBeLessThan(2 / 3);
  },
);

it.each(drivers)('finds nothing in thousands of guesses, and hears nothing: $name', async (driver) => {
  const guesses = 1000;
  // Each waits for the answers to its own.
  const burglars = await Promise.all(
    ['one', 'two', 'three'].map(async () => {
      const client = driver.connect(server, await server.token('burglar'));
      clients.push(client);
      await client.next('connected');
      for (let guess = 0; guess < guesses; guess++) {
        client.say('subscribe', { lobbyCode: `CODE${guess % 600}` });
      }
      await client.done();
      return client;
    }),
  );
  // Something happens in every lobby that was guessed right.
  await database.query(`insert into lobby_participants (lobby_id, player_id) select id, $1 from lobbies`, [
    `somebody by ${driver.name}`,
  ]);
  await honest.event();
  for (const client of burglars) {
    await client.next('contract.created');
    const kinds = client.messages.map(({ type, data }) => `${type} ${String(data.code ?? '')}`.trim());
    expect(kinds.filter((kind) => kind === 'error SUBSCRIBE_DENIED')).toHaveLength(guesses);
    expect(client.messages.filter(({ type }) => type === 'lobby:event')).toEqual([]);
  }
});

it.each(drivers)('is as slow at it as anybody at talking, by the default rate: $name', async (driver) => {
  const own = await startServer(database.url);
  const client = driver.connect(own, await own.token('hasty'));
  await client.next('connected');
  for (let guess = 0; guess < 1000; guess++) client.say('subscribe', { lobbyCode: `X${guess}` });
  expect(await client.ended).toEqual(driver.ending(4429));
  const answered = client.messages.filter(({ data }) => data.code === 'SUBSCRIBE_DENIED');
  expect(answered.length).toBeLessThan(100);
  expect(await metric(own, 'hashi_rate_limited_total')).toBeGreaterThan(0);
  client.close();
  await own.stop();
});
