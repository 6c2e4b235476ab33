/** What a program sends with the Socket.IO server API: its place in the log, on two instances, to both protocols. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  createServer,
  lobbyRoom,
  playerRoom,
  type CreateServerOptions,
  type Server,
} from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { startProxy } from '../adapter/proxy.js';
import { ioClient, rawClient, type IoClient, type Message, type TestClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

interface Instance {
  readonly server: Server<any>;
  readonly url: string;
  readonly wsUrl: string;
}

let database: TestDatabase;
let one: Instance;
let two: Instance;
let clients: TestClient[] = [];
let others: Server<any>[] = [];

beforeAll(async () => {
  database = await createDatabase();
  [one, two] = await Promise.all([serve(), serve()]);
  await meet(one, two);
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

/** A server whose tokens are players' names. */
async function serve(options: CreateServerOptions = {}, databaseUrl = database.url): Promise<Instance> {
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

async function serveAnother(
  options: CreateServerOptions = {},
  databaseUrl = database.url,
): Promise<Instance> {
  const instance = await serve(options, databaseUrl);
  others.push(instance.server);
  return instance;
}

async function meet(...instances: Instance[]): Promise<void> {
  await vi.waitFor(async () => {
    for (const { server } of instances)
      expect(await server.io.of('/').adapter.serverCount()).toBe(instances.length);
  }, 20_000);
}

const raw = (at: Instance, player: string, query: Record<string, string> = {}) =>
  keep(rawClient(at, player, query));
const io = (at: Instance, player: string) => keep(ioClient(at, player));

function keep<C extends TestClient>(client: C): C {
  clients.push(client);
  return client;
}

const live = (...opened: TestClient[]) => Promise.all(opened.map((client) => client.next('connected')));

let players = 0;
const somebody = () => `player-${++players}`;

async function lobbyOf(...members: string[]): Promise<string> {
  const [{ id }] = await database.query(
    "insert into lobbies (code) values ('E' || gen_random_uuid()) returning id",
  );
  for (const member of members) await join(id, member);
  return id as string;
}

const join = (lobby: string, player: string) =>
  database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [lobby, player]);
const leave = (lobby: string, player: string) =>
  database.query('delete from lobby_participants where lobby_id = $1 and player_id = $2', [lobby, player]);

/** What of it is told by the server API, and the types of the database's events. */
const told = (messages: readonly Message[]) =>
  messages.map(({ type, data }) => (type.endsWith(':event') ? (data.type as string) : [type, data]));

describe('emits', () => {
  it('are in one order with the events of the database, on every instance and in both protocols', async () => {
    const player = somebody();
    const lobby = await lobbyOf(player);
    const readers = [raw(one, player), io(one, player), raw(two, player), io(two, player)];
    await live(...readers);
    const writing = (async () => {
      for (let i = 0; i < 30; i++)
        await database.query('insert into contracts (lobby_id) values ($1)', [lobby]);
    })();
    for (let i = 0; i < 30; i++) {
      one.server.io.to(lobbyRoom(lobby)).emit('chat', { from: 1, i });
      two.server.io.emit('chat', { from: 2, i });
      await new Promise(setImmediate);
    }
    await writing;
    one.server.io.emit('end', 1);
    two.server.io.emit('end', 2);
    const streams = [];
    for (const reader of readers) {
      const first = await reader.until('end');
      streams.push(told([...first, ...(await reader.until('end'))]));
    }
    expect(streams[0]).toHaveLength(92);
    expect(streams[1]).toEqual(streams[0]);
    expect(streams[2]).toEqual(streams[0]);
    expect(streams[3]).toEqual(streams[0]);
    for (const from of [1, 2]) {
      const own = streams[0]?.filter((message) => Array.isArray(message) && message[1].from === from);
      expect(own).toEqual([...Array(30).keys()].map((i) => ['chat', { from, i }]));
    }
  });

  it('arrive once and in order though every connection to the database is killed', async () => {
    const player = somebody();
    const readers = [raw(two, player), io(two, player), raw(one, player)];
    await live(...readers);
    for (let i = 0; i < 40; i++) {
      one.server.io.emit('news', i);
      if (i % 15 === 5) {
        await database.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and application_name like 'hashi-socket%' and pid <> pg_backend_pid()`,
        );
      }
    }
    one.server.io.emit('end', null);
    for (const reader of readers) {
      expect(told(await reader.until('end'))).toEqual([
        ...[...Array(40).keys()].map((i) => ['news', i]),
        ['end', null],
      ]);
    }
  });

  it('end for a player where his leaving does', async () => {
    const [player, other] = [somebody(), somebody()];
    const lobby = await lobbyOf(player, other);
    const leaver = raw(two, player);
    const stayer = raw(one, other);
    await live(leaver, stayer);
    one.server.io.to(lobbyRoom(lobby)).emit('chat', 'before');
    await leaver.next('chat');
    await leave(lobby, player);
    one.server.io.to(lobbyRoom(lobby)).emit('chat', 'after');
    one.server.io.emit('end');
    expect(told(await leaver.until('end'))).toEqual(['lobby.left', ['end', null]]);
    expect(told(await stayer.until('end'))).toEqual([
      ['chat', 'before'],
      'lobby.left',
      ['chat', 'after'],
      ['end', null],
    ]);
  });

  it('bring a Socket.IO client all arguments, bytes too, and a raw client the first, bytes in base64', async () => {
    const player = somebody();
    const wire = raw(two, player);
    const socket = io(two, player);
    await live(wire, socket);
    const args: unknown[][] = [];
    socket.socket.on('mixed', (...all: unknown[]) => args.push(all.slice(0, -1)));
    one.server.io.emit('mixed', { bytes: Buffer.from('abc') }, 'two', new Uint8Array([1, 2]));
    one.server.io.emit('mixed');
    one.server.io.emit('mixed', 'text', 'a string at the end');
    one.server.io.emit('end');
    await socket.next('end');
    expect(args).toEqual([
      [{ bytes: Buffer.from('abc') }, 'two', Buffer.from([1, 2])],
      [],
      ['text', 'a string at the end'],
    ]);
    expect(told(await wire.until('end'))).toEqual([
      ['mixed', { bytes: 'YWJj' }],
      ['mixed', null],
      ['mixed', 'text'],
      ['end', null],
    ]);
  });

  it('go to rooms and spare others, on all instances', async () => {
    const [a, b] = [somebody(), somebody()];
    const lobby = await lobbyOf(a, b);
    const [ofA, ofB] = [raw(one, a), io(two, b)];
    await live(ofA, ofB);
    one.server.io.to(lobbyRoom(lobby)).except(playerRoom(b)).emit('chat', 'not b');
    one.server.io.to([lobbyRoom(lobby), playerRoom(b)]).emit('chat', 'both, once');
    one.server.io.to(playerRoom(b)).emit('chat', 'only b');
    one.server.io.emit('end', 0);
    expect(told(await ofA.until('end'))).toEqual([
      ['chat', 'not b'],
      ['chat', 'both, once'],
      ['end', 0],
    ]);
    expect(told(await ofB.until('end'))).toEqual([
      ['chat', 'both, once'],
      ['chat', 'only b'],
      ['end', 0],
    ]);
  });

  it('written twice are delivered and replayed once', async () => {
    const player = somebody();
    const reader = raw(one, player, { resume: '1' });
    const { data } = await reader.next('connected');
    two.server.io.emit('news', 'once');
    await reader.next('news');
    await database.query(`select realtime.adapter_append(array_agg(data), array_agg(room)) from (
      select data, room from realtime.events where data like '%"once"%' order by id desc limit 1) e`);
    two.server.io.emit('end');
    expect(told(await reader.until('end'))).toEqual([['end', null]]);
    const again = raw(two, player, { since: data.cursor });
    expect(told(await again.until('end')).slice(1)).toEqual([
      ['news', 'once'],
      ['end', null],
    ]);
  });
});

describe('emits that a client has missed', () => {
  /** Sends what the player may see, and what not, around a join and a leave of his. */
  async function happen(player: string, lobby: string, later: string): Promise<void> {
    const { io: first } = one.server;
    const { io: second } = two.server;
    first.to(lobbyRoom(lobby)).emit('chat', 1);
    await settled();
    second.emit('chat', 2, { more: true });
    second.to(playerRoom(player)).emit('chat', 3);
    await settled();
    first.to(lobbyRoom(lobby)).except(playerRoom(player)).emit('chat', 'excepted');
    first.to(lobbyRoom(later)).emit('chat', 'before he joined');
    first.to('elsewhere').emit('chat', 'in another room');
    first.volatile.emit('chat', 'volatile');
    first.local.emit('chat', 'local');
    await settled();
    await join(later, player);
    first.to([lobbyRoom(later), 'elsewhere']).emit('chat', Buffer.from('4'));
    await settled();
    await leave(lobby, player);
    first.to(lobbyRoom(lobby)).emit('chat', 'after he left');
    first.emit('end');
    await settled();
  }

  /** What was emitted before is in the log. */
  async function settled(): Promise<void> {
    const witness = raw(one, somebody());
    await live(witness);
    one.server.io.emit('settled');
    two.server.io.emit('settled');
    await witness.next('settled');
    await witness.next('settled');
  }

  const seen = (fourth: unknown) => [
    ['chat', 1],
    ['chat', 2],
    ['chat', 3],
    'lobby.joined',
    ['chat', fourth],
    'lobby.left',
    ['end', null],
  ];

  it('are replayed to a raw client that resumes on another instance, each with an id', async () => {
    const player = somebody();
    const [lobby, later] = [await lobbyOf(player), await lobbyOf()];
    const before = raw(one, player, { resume: '1' });
    await live(before);
    one.server.io.emit('news', 'seen');
    const { id } = await before.next('news');
    before.close();
    await happen(player, lobby, later);
    const back = raw(two, player, { since: id as string });
    const [connected, ...replayed] = (await back.until('end')).filter(({ type }) => type !== 'settled');
    expect(connected).toMatchObject({ type: 'connected', data: { recovered: true } });
    expect(told(replayed)).toEqual(seen('NA=='));
    expect(new Set(replayed.map((message) => message.id)).size).toBe(replayed.length);

    // From the middle of it, nothing comes again.
    const third = replayed[2]?.id as string;
    const again = raw(one, player, { since: third });
    const rest = (await again.until('end')).filter(({ type }) => type !== 'settled').slice(1);
    expect(told(rest)).toEqual(seen('NA==').slice(3));
    one.server.io.emit('still');
    expect(told((await again.until('still')).filter(({ type }) => type !== 'settled'))).toEqual([
      ['still', null],
    ]);
  });

  it('are given to a stock Socket.IO client that recovers on another instance', async () => {
    const player = somebody();
    const [lobby, later] = [await lobbyOf(player), await lobbyOf()];
    const client = io(one, player);
    await live(client);
    one.server.io.emit('news', 'seen');
    await client.next('news');
    client.socket.io.reconnection(false);
    client.socket.io.engine.close();
    await happen(player, lobby, later);
    (client.socket.io as unknown as { uri: string }).uri = two.url;
    client.socket.io.connect();
    client.socket.connect();
    await client.next('connected');
    expect(client.socket.recovered).toBe(true);
    const missed = (await client.until('end')).filter(({ type }) => type !== 'settled');
    expect(told(missed).map((m) => (m[0] === 'end' ? ['end', null] : m))).toEqual(seen(Buffer.from('4')));
  });
});

describe('what is not kept', () => {
  it('is volatile or local, and makes no row', async () => {
    const [here, there] = [raw(one, somebody()), io(two, somebody())];
    await live(here, there);
    await vi.waitFor(async () => {
      one.server.io.volatile.emit('flash', 1);
      expect(there.messages.some(({ type }) => type === 'flash')).toBe(true);
    });
    one.server.io.local.emit('near', 1);
    one.server.io.emit('end');
    expect(told(await here.until('end'))).toContainEqual(['near', 1]);
    await there.next('end');
    expect(there.messages.filter(({ type }) => type === 'near')).toEqual([]);
    const rows = await database.query(
      `select 1 from realtime.events where type = 'realtime.adapter' and (data like '%"flash"%' or data like '%"near"%')`,
    );
    expect(rows).toEqual([]);
  });

  it('is what a socket is sent by itself', async () => {
    const player = somebody();
    const client = io(one, player);
    await live(client);
    one.server.io.sockets.sockets.get(client.socket.id ?? '')?.emit('whisper', 'you', 'a string at the end');
    expect(await client.next('whisper')).toMatchObject({ data: 'you' });
    expect(await database.query(`select 1 from realtime.events where data like '%"whisper"%'`)).toEqual([]);
  });
});

describe('a connection handler', () => {
  it.each(['raw', 'io'])(
    'joins and sends before the client is live; it comes after "connected" (%s)',
    async (kind) => {
      const player = somebody();
      const third: Instance = await serveAnother({
        onConnection(socket) {
          void socket.join('greeted');
          socket.emit('welcome', 1);
          third.server.io.to('greeted').emit('greeted', 2);
          third.server.io.emit('everyone', 3);
          socket.emit('welcome', 'end');
        },
      });
      const client = kind === 'raw' ? raw(third, player) : io(third, player);
      for (const name of ['greeted', 'everyone', 'welcome']) {
        await vi.waitFor(() => expect(client.messages.map(({ type }) => type)).toContain(name), 10_000);
      }
      third.server.io.emit('end');
      const types = (await client.until('end')).map(({ type }) => type);
      expect(types[0]).toBe('connected');
      expect(types.filter((type) => type !== 'welcome')).toEqual(['connected', 'greeted', 'everyone', 'end']);
      expect(types.filter((type) => type === 'welcome')).toHaveLength(2);
    },
  );
});

describe('requests', () => {
  it('for acknowledgements are answered by Socket.IO clients, and do not wait for raw ones', async () => {
    const [a, b, c] = [somebody(), somebody(), somebody()];
    const lobby = await lobbyOf(a, b, c);
    const wires = [raw(one, a), raw(two, a)];
    const sockets: IoClient[] = [io(one, b), io(two, c)];
    await live(...wires, ...sockets);
    for (const { socket } of sockets)
      socket.on('ask', (text: string, answer: (text: string) => void) => answer(`${text}!`));
    for (const { server } of [one, two]) {
      expect(await server.io.to(lobbyRoom(lobby)).timeout(10_000).emitWithAck('ask', 'well')).toEqual([
        'well!',
        'well!',
      ]);
    }
    for (const wire of wires) expect(await wire.next('ask')).toEqual({ type: 'ask', data: 'well' });
  });

  it('to other servers are acknowledged', async () => {
    two.server.io.on('job', (text: string, answer: (text: string) => void) => answer(`${text} done`));
    expect(await one.server.io.serverSideEmitWithAck('job', 'work')).toEqual(['work done']);
  });
});

describe('moves', () => {
  it('put clients of other instances into rooms, take them out and disconnect them, in order', async () => {
    const player = somebody();
    const [wire, socket] = [raw(two, player), io(two, player)];
    await live(wire, socket);
    const { io: api } = one.server;
    const gone = new Promise((resolve) => socket.socket.once('disconnect', resolve));
    api.to('club').emit('chat', 'before');
    api.in(playerRoom(player)).socketsJoin('club');
    api.to('club').emit('chat', 'inside');
    api.in(playerRoom(player)).socketsLeave('club');
    api.to('club').emit('chat', 'outside');
    api.in(playerRoom(player)).emit('chat', 'last');
    api.in(playerRoom(player)).disconnectSockets(true);
    expect(await gone).toBe('io server disconnect');
    expect((await wire.closed).code).toBe(1000);
    for (const client of [wire, socket]) {
      expect(told(client.messages).slice(1)).toEqual([
        ['chat', 'inside'],
        ['chat', 'last'],
      ]);
    }
  });
});

describe('other namespaces', () => {
  it('of any name are carried as well', async () => {
    const name = `/"; drop schema realtime; --${'x'.repeat(80)}`;
    for (const { server } of [one, two]) server.io.of(name);
    const client = io(two, somebody());
    await live(client);
    const inside = client.socket.io.socket(name, {});
    const heard = new Promise((resolve) => inside.once('news', resolve));
    await new Promise<void>((resolve) => inside.once('connect', resolve));
    one.server.io.of(name).emit('news', 'inside');
    one.server.io.emit('end');
    expect(await heard).toBe('inside');
    expect(told(await client.until('end')).map(([type]) => type)).toEqual(['end']);
    inside.disconnect();
  });
});

describe('a database that does not answer', () => {
  it('does not hold up own clients for more than half a second or so, and repeats nothing', async () => {
    const proxy = await startProxy(database.url);
    const third = await serveAnother({}, proxy.url);
    const player = somebody();
    const [near, far] = [raw(third, player), raw(two, player)];
    await live(near, far);
    proxy.freeze();
    const begun = performance.now();
    third.server.io.emit('news', 'early');
    await near.next('news');
    const waitedMs = performance.now() - begun;
    proxy.thaw();
    await far.next('news');
    third.server.io.emit('end');
    expect(told(await near.until('end'))).toEqual([['end', null]]);
    expect(told(await far.until('end'))).toEqual([['end', null]]);
    expect(waitedMs).toBeGreaterThan(450);
    expect(waitedMs).toBeLessThan(3000);
    await third.server.stop();
    proxy.close();
  });
});
