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

/** Asks for each and returns the median time to the answer, in milliseconds. */
async function medianMs(client: Client, lobbies: readonly object[]): Promise<number> {
  const times: number[] = [];
  for (const lobby of lobbies) {
    const from = performance.now();
    await client.ask('subscribe', lobby);
    times.push(performance.now() - from);
  }
  return times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

it.each(drivers)(
  'takes as long to refuse a lobby that is there as one that is not: $name',
  async (driver) => {
    const client = driver.connect(server, await server.token('timer'));
    clients.push(client);
    await client.next('connected');
    const there = Array.from({ length: 200 }, (_, at) => ({ lobbyCode: `CODE${at + 1}` }));
    const missing = Array.from({ length: 200 }, (_, at) => ({ lobbyCode: `GONE${at + 1}` }));
    // Interleaved in rounds, so that a busy machine is busy for both.
    await medianMs(client, [...there.slice(0, 50), ...missing.slice(0, 50)]);
    const rounds: [number, number][] = [];
    for (let round = 0; round < 4; round++) {
      const part = (all: readonly object[]) => all.slice(round * 50, round * 50 + 50);
      rounds.push([await medianMs(client, part(there)), await medianMs(client, part(missing))]);
    }
    const ratios = rounds.map(([a, b]) => a / b).sort((a, b) => a - b);
    const middle = ((ratios[1] ?? 0) + (ratios[2] ?? 0)) / 2;
    expect(middle).toBeGreaterThan(1 / 2);
    expect(middle).toBeLessThan(2);
  },
);

it.each(drivers)('finds nothing in thousands of guesses, and hears nothing: $name', async (driver) => {
  const client = driver.connect(server, await server.token('burglar'));
  clients.push(client);
  await client.next('connected');
  const guesses = 3000;
  for (let guess = 0; guess < guesses; guess++) {
    client.say('subscribe', { lobbyCode: `CODE${guess % 600}` });
  }
  await client.done();
  // Something happens in every lobby that was guessed right.
  await database.query(`insert into lobby_participants (lobby_id, player_id) select id, $1 from lobbies`, [
    `somebody by ${driver.name}`,
  ]);
  await honest.event();
  await client.next('contract.created');
  const kinds = client.messages.map(({ type, data }) => `${type} ${String(data.code ?? '')}`.trim());
  expect(kinds.filter((kind) => kind === 'error SUBSCRIBE_DENIED')).toHaveLength(guesses);
  expect(client.messages.filter(({ type }) => type === 'lobby:event')).toEqual([]);
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
