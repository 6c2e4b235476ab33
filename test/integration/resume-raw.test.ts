import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawClient, type Message, type RawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

const connect = async (player: string, query: Record<string, string> = {}, from = server) => {
  const client = rawClient(from, await from.token(player), query);
  const connected = await client.next('connected');
  return { client, connected };
};
const insertContract = async (status = 'created'): Promise<string> =>
  (await database.query('insert into contracts (status) values ($1) returning id', [status]))[0].id;
const lobbyOf = async (...players: string[]): Promise<string> => {
  const [{ id }] = await database.query(
    `insert into lobbies (code) values (upper(substr(md5(random()::text), 1, 8))) returning id`,
  );
  for (const player of players) await join(id, player);
  return id;
};
const join = (lobby: string, player: string) =>
  database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [lobby, player]);
const leave = (lobby: string, player: string) =>
  database.query('delete from lobby_participants where lobby_id = $1 and player_id = $2', [lobby, player]);
const isContract = (id: string) => (message: Message) => message.data?.contractId === id;
const events = (messages: readonly Message[]) => messages.filter(({ type }) => type.endsWith(':event'));
const closed = async (client: RawClient) => {
  client.close();
  await client.closed;
};
/** Everything up to and including an event that is made now. */
const untilNow = async (client: RawClient) => client.until(isContract(await insertContract()));

describe('a raw client that resumes', () => {
  it('gets event messages with an id when it asks for them, and other messages without', async () => {
    const plain = await connect('ids');
    const resuming = await connect('ids', { resume: '1' });
    const id = await insertContract();
    const [without, withId] = await Promise.all([
      plain.client.next(isContract(id)),
      resuming.client.next(isContract(id)),
    ]);
    expect(Object.keys(without)).toEqual(['type', 'data']);
    expect(Object.keys(withId)).toEqual(['type', 'data', 'id']);
    expect(Object.keys(resuming.connected)).toEqual(['type', 'data']);
    expect(resuming.connected.data).toMatchObject({ recovered: false, cursor: expect.any(String) as string });
    plain.client.close();
    resuming.client.close();
  });

  it('gets what it missed since an id, or since the cursor of its greeting, each once and in order', async () => {
    const { client, connected } = await connect('since', { resume: '1' });
    const first = await insertContract();
    const seen = await client.next(isContract(first));
    await closed(client);
    const missed = [await insertContract(), await insertContract(), await insertContract()];

    const again = await connect('since', { since: seen.id ?? '' });
    expect(again.connected.data).toMatchObject({ recovered: true, cursor: seen.id });
    const replayed = await untilNow(again.client);
    expect(replayed.slice(0, -1).map(({ data }) => data.contractId as string)).toEqual(missed);

    const fromGreeting = await connect('since', { since: connected.data.cursor });
    const all = await untilNow(fromGreeting.client);
    expect(all.slice(0, 4).map(({ data }) => data.contractId as string)).toEqual([first, ...missed]);
    again.client.close();
    fromGreeting.client.close();
  });

  it('has no hole and no repeat at the seam while writers go on', async () => {
    const { client: steady } = await connect('steady', { resume: '1' });
    let writing = true;
    const writers = Array.from({ length: 3 }, async () => {
      while (writing) await insertContract();
    });
    let cursor = (await steady.next('contract.created')).id ?? '';
    const heard: Message[] = [];
    for (let cut = 0; cut < 12; cut++) {
      const { client } = await connect('cut', { since: cursor });
      // Some cuts come during the replay, some after it.
      for (let count = 0; count <= cut * 7; count++) {
        const message = await client.next('contract.created');
        heard.push(message);
        cursor = message.id ?? '';
      }
      client.ws.terminate();
      await client.closed;
    }
    writing = false;
    await Promise.all(writers);
    const end = await insertContract();
    const last = await connect('cut', { since: cursor });
    heard.push(...events(await last.client.until(isContract(end))));
    await steady.next(isContract(end));

    const all = events(steady.messages).map(({ id }) => id);
    expect(heard.map(({ id }) => id)).toEqual(all.slice(all.indexOf(heard[0]?.id)));
    steady.close();
    last.client.close();
  });

  it('sees rooms as they were at each place: its own leaving, and nothing from before a join or after a leave', async () => {
    const [left, joined] = [await lobbyOf('mover', 'other'), await lobbyOf('other')];
    const { client, connected } = await connect('mover');
    await closed(client);
    const storage = async (lobby: string) => {
      const [{ id }] = await database.query('insert into contracts (lobby_id) values ($1) returning id', [
        lobby,
      ]);
      const [row] = await database.query(
        `insert into storage (contract_id, player_id, kind) values ($1, 'other', 'external_url') returning id`,
        [id],
      );
      return row.id as string;
    };
    const whileIn = await storage(left);
    await storage(joined);
    await leave(left, 'mover');
    await storage(left);
    await join(joined, 'mover');
    const afterJoin = await storage(joined);

    // From what the instance has in memory; and by one that has none of it, from pages of the database.
    const newcomer = await startServer(database.url);
    for (const from of [server, newcomer]) {
      const again = await connect('mover', { since: connected.data.cursor }, from);
      expect(again.connected.data.lobbies).toMatchObject([{ lobbyId: joined }]);
      const replayed = (await untilNow(again.client)).filter(({ type }) => type !== 'contract:event');
      expect(
        replayed
          .slice(0, 4)
          .map(({ data }) => [data.type, data.storageId ?? data.lobbyId] as [string, string]),
      ).toEqual([
        ['storage.external_url_created', whileIn],
        ['lobby.left', left],
        ['lobby.joined', joined],
        ['storage.external_url_created', afterJoin],
      ]);
      // Live in the rooms at the end of the replay: in the joined one, not in the other.
      await storage(left);
      const live = await storage(joined);
      const later = (await untilNow(again.client)).filter(({ type }) => type === 'storage:event');
      expect(later.map(({ data }) => data.storageId as string)).toEqual([live]);
      await closed(again.client);
    }
    await newcomer.stop();
  });

  it('is told that a lobby of its was deleted meanwhile, once, and of nothing in it after', async () => {
    const lobby = await lobbyOf('widow', 'other');
    const { client, connected } = await connect('widow');
    await closed(client);
    await database.query('delete from lobbies where id = $1', [lobby]);
    const again = await connect('widow', { since: connected.data.cursor });
    expect(again.connected.data.lobbies).toEqual([]);
    const replayed = (await untilNow(again.client)).filter(({ type }) => type === 'lobby:event');
    expect(replayed.map(({ data }) => data.type as string)).toEqual(['lobby.deleted']);
    again.client.close();
  });

  it('is in the rooms of its player only: a cursor of somebody else opens none', async () => {
    const lobby = await lobbyOf('owner');
    const { client, connected } = await connect('owner');
    await closed(client);
    await database.query('insert into contracts (lobby_id) values ($1)', [lobby]);
    await join(lobby, 'second');
    await leave(lobby, 'second');
    const stranger = await connect('stranger', { since: connected.data.cursor });
    const replayed = await untilNow(stranger.client);
    expect(replayed.filter(({ type }) => type === 'lobby:event')).toEqual([]);
    stranger.client.close();
  });

  it.each([
    ['garbage', 'x'.repeat(3000)],
    ['an empty string', ''],
    ['another epoch', '0123456789ab-0'],
    ['a place that is not there yet', 'future'],
  ])('is told RESUME_FAILED for %s, and is live all the same', async (_name, given) => {
    const { client: before, connected } = await connect('failing');
    before.close();
    const epoch = (connected.data.cursor as string).split('-')[0];
    const since = given === 'future' ? `${epoch}-zzzzzz` : given;
    const { client, connected: greeting } = await connect('failing', { since });
    expect(greeting.data.recovered).toBe(false);
    expect(await client.next()).toMatchObject({ type: 'error', data: { code: 'RESUME_FAILED' } });
    expect(await client.next(isContract(await insertContract()))).toHaveProperty('id');
    client.close();
  });

  it('waits for a client that reads slowly instead of ending it, however much there is to replay', async () => {
    const { client: before, connected } = await connect('slow');
    await closed(before);
    const count = 60;
    // 12 MB, of which a live client may leave 1 MiB unread.
    await database.query(
      `insert into contracts (status, terms) select 'big', jsonb_build_object('n', n, 'pad', repeat('x', 200000))
       from generate_series(1, $1) n`,
      [count],
    );
    const { client } = await connect('slow', { since: connected.data.cursor });
    client.ws.pause();
    // Others are served meanwhile: this marker has passed the slow one's replay by.
    const { client: other } = await connect('quick');
    await other.next(isContract(await insertContract()));
    client.ws.resume();
    const replayed = await untilNow(client);
    const numbers = replayed.flatMap(({ data }) => (data.payload?.terms?.n as number | undefined) ?? []);
    expect(numbers).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    client.close();
    other.close();
  });
});

describe('a raw client that resumes past retention', () => {
  it('is told RESUME_FAILED beyond HASHI_RETENTION_EVENTS, and resumes within it', async () => {
    const short = await startServer(database.url, { HASHI_RETENTION_EVENTS: '5' });
    const { client: before, connected } = await connect('short', { resume: '1' }, short);
    const tooOld = connected.data.cursor as string;
    await untilNow(before);
    await insertContract();
    const kept = (await untilNow(before)).at(-1)?.id ?? '';
    await closed(before);
    for (let n = 0; n < 4; n++) await insertContract();

    const within = await connect('short', { since: kept }, short);
    expect(within.connected.data.recovered).toBe(true);
    const beyond = await connect('short', { since: tooOld }, short);
    expect(beyond.connected.data.recovered).toBe(false);
    expect(await beyond.client.next()).toMatchObject({ type: 'error', data: { code: 'RESUME_FAILED' } });
    within.client.close();
    beyond.client.close();
    await short.stop();
  });

  it('is told RESUME_FAILED, and left with no silent hole, when the log is pruned while it is being replayed', async () => {
    const own = await createDatabase();
    const pruned = await startServer(own.url);
    try {
      const { client: before, connected } = await connect('pruned', {}, pruned);
      await closed(before);
      await own.query(
        `insert into contracts (terms) select jsonb_build_object('n', n, 'pad', repeat('x', 100000)) from generate_series(1, 300) n`,
      );
      // Beyond what is in memory, so that the replay reads the database.
      const { client: live } = await connect('live', {}, pruned);
      const marker = async () => (await own.query('insert into contracts default values returning id'))[0].id;
      await live.next(isContract(await marker()));

      const { client } = await connect('pruned', { since: connected.data.cursor }, pruned);
      client.ws.pause();
      // A slot is left once something is in it, and emptied when all eight have been gone round.
      for (let floor = 0; floor === 0; await live.next(isContract(await marker()))) {
        floor = Number((await own.query(`select realtime.rotate(interval '0', 1) as floor`))[0].floor);
      }
      client.ws.resume();
      const told = await client.until((message) => message.data?.code === 'RESUME_FAILED');
      const numbers = events(told).map(({ data }) => data.payload.terms.n as number);
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
      expect(numbers.length).toBeLessThan(300);
      await client.next(isContract(await marker()));
      client.close();
      live.close();
    } finally {
      await pruned.stop();
      await own.drop();
    }
  });
});
