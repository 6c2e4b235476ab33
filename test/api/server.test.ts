import { createServer as createHttpServer } from 'node:http';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createServer,
  lobbyRoom,
  OperatorError,
  ProtocolError,
  type CreateServerOptions,
  type Server,
} from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ioClient, rawClient, type TestClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
const open: Server<any>[] = [];
const clients: TestClient[] = [];

beforeAll(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const server of open.splice(0)) await server.stop();
});
afterAll(() => database.drop());

/** A server whose tokens are players' names. */
async function serve(options: CreateServerOptions = {}) {
  const server = createServer({
    env: {},
    settings: { DATABASE_URL: database.url, PORT: 0, HASHI_DRAIN_MS: 100 },
    logger: createLogger({ level: 'silent', format: 'json' }),
    authenticate: (token) => (token.startsWith('player') ? { playerId: token } : null),
    ...options,
  });
  open.push(server);
  const started = await server.start();
  const at = { url: started.url, wsUrl: started.url.replace('http', 'ws') };
  const raw = (token: string) => keep(rawClient(at, token));
  const io = (token: string) => keep(ioClient(at, token));
  return { server, at, raw, io };
}

function keep<C extends TestClient>(client: C): C {
  clients.push(client);
  return client;
}

async function makeLobby(code: string, ...players: string[]): Promise<string> {
  const [lobby] = await database.query('insert into lobbies (code) values ($1) returning id', [code]);
  for (const player of players) {
    await database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [
      lobby.id,
      player,
    ]);
  }
  return lobby.id as string;
}

describe('createServer', () => {
  it('lets the server API reach raw and Socket.IO clients, from another instance', async () => {
    const one = await serve();
    const two = await serve();
    const id = await makeLobby('API1', 'player-a', 'player-b');
    const raw = one.raw('player-a');
    const io = one.io('player-b');
    await Promise.all([raw.next('connected'), io.next('connected')]);
    // Instances learn of each other by their heartbeats, every five seconds.
    await expect
      .poll(async () => (await two.server.io.in(lobbyRoom(id)).fetchSockets()).map((socket) => socket.data), {
        timeout: 20_000,
      })
      .toEqual(
        expect.arrayContaining([
          { playerId: 'player-a', transport: 'websocket' },
          { playerId: 'player-b', transport: 'socketio' },
        ]),
      );

    two.server.io.to(lobbyRoom(id)).emit('chat', { text: 'hello' });

    expect(await raw.next('chat')).toEqual({ type: 'chat', data: { text: 'hello' } });
    expect(await io.next('chat')).toMatchObject({ type: 'chat', data: { text: 'hello' } });
  });

  it('tells typed listeners of every event, and goes on when one throws', async () => {
    const { server } = await serve();
    const seen: string[] = [];
    server.on('contract.created', () => {
      throw new Error('a bug in the application');
    });
    const told = new Promise<string>((resolve) => {
      server.on('bounty.created', (event) => resolve(event.payload.title));
    });
    server.on('event', (event) => void seen.push(event.type));

    await database.query('insert into contracts default values');
    await database.query(`insert into bounties (title, created_by) values ('find it', 'p')`);

    expect(await told).toBe('find it');
    expect(seen).toEqual(['contract.created', 'bounty.created']);
  });

  it('survives hooks that throw or reject, and lets the others hear', async () => {
    const logs: string[] = [];
    const { server, raw, io } = await serve({
      logger: createLogger({
        level: 'error',
        format: 'json',
        destination: { write: (line: string) => void logs.push(line) },
      }),
      async onConnection(socket) {
        if (socket.data.transport === 'websocket') throw new Error('rejected in onConnection');
        await Promise.reject(new Error('rejected later in onConnection'));
      },
      canSubscribe: () => Promise.reject(new Error('thrown in canSubscribe')),
      messages: {
        odd: () => {
          throw new Error('thrown in a handler');
        },
      },
    });
    server.on('event', () => {
      throw new Error('thrown by a listener');
    });
    server.on('contract.created', async () => Promise.reject(new Error('rejected by a listener')));
    const heard = new Promise((resolve) => server.on('contract.created', resolve));
    const [one, other] = [raw('player-a'), io('player-b')];
    await Promise.all([one.next('connected'), other.next('connected')]);
    await makeLobby('HOOK1');
    const third = raw('player-c');
    await third.next('connected');
    third.send({ type: 'odd', id: 1 });
    expect(await third.next('error')).toMatchObject({ data: { code: 'INTERNAL_ERROR', id: 1 } });
    expect((await third.closed).code).toBe(1011);
    const fourth = io('player-d');
    await fourth.next('connected');
    expect(await fourth.socket.emitWithAck('subscribe', { lobbyId: 'HOOK1' })).toMatchObject({
      ok: false,
      error: { code: 'INTERNAL_ERROR' },
    });
    await database.query('insert into contracts default values');
    await heard;
    await Promise.all([one, other].map((client) => client.next('contract.created')));
    for (const text of [
      'rejected in onConnection',
      'rejected later in onConnection',
      'thrown in canSubscribe',
      'thrown in a handler',
      'thrown by a listener',
      'rejected by a listener',
    ]) {
      await expect.poll(() => logs.join('')).toContain(text);
    }
  });

  it('refuses messages with names that mean something else already', () => {
    for (const name of ['ping', 'subscribe', 'auth', 'disconnect', 'newListener', 'error']) {
      const messages = { [name]: () => undefined } as never;
      expect(() => createServer({ env: {}, messages })).toThrow(OperatorError);
      expect(() => createServer({ env: {}, messages })).toThrow(`"messages" names "${name}"`);
    }
  });

  it('takes messages of its own from both protocols with one handler', async () => {
    const { raw, io } = await serve({
      messages: {
        async move(socket, data) {
          if (data === null || typeof data !== 'object') throw new ProtocolError('INVALID_MESSAGE');
          return { by: socket.data.playerId, echoed: data };
        },
      },
    });
    const one = raw('player-a');
    const other = io('player-b');
    await Promise.all([one.next('connected'), other.next('connected')]);

    one.send({ type: 'move', data: { to: 'e4' }, id: 7 });
    expect(await one.next('ack')).toEqual({
      type: 'ack',
      data: { by: 'player-a', echoed: { to: 'e4' }, id: 7 },
    });
    one.send({ type: 'move', data: null, id: 8 });
    expect(await one.next('error')).toMatchObject({ data: { code: 'INVALID_MESSAGE', id: 8 } });

    expect(await other.socket.emitWithAck('move', { to: 'e5' })).toEqual({
      ok: true,
      by: 'player-b',
      echoed: { to: 'e5' },
    });
    expect(await other.socket.emitWithAck('move', null)).toMatchObject({
      ok: false,
      error: { code: 'INVALID_MESSAGE' },
    });
  });

  it('leaves events that a stock listener takes to the listener', async () => {
    const { io } = await serve({
      onConnection(socket) {
        socket.on('shout', (text: string, acknowledge: (answer: string) => void) =>
          acknowledge(text.toUpperCase()),
        );
      },
    });
    const client = io('player-a');
    await client.next('connected');
    expect(await client.socket.emitWithAck('shout', 'hey')).toBe('HEY');
  });

  it('gives canSubscribe the last word, in both directions', async () => {
    const { raw } = await serve({
      canSubscribe: ({ playerId, lobbyCode, allowed }) =>
        playerId === 'player-vip' ? lobbyCode === 'SHUT1' : allowed,
    });
    await makeLobby('OPEN1');
    await database.query(`update lobbies set visibility = 'public' where code = 'OPEN1'`);
    await makeLobby('SHUT1');
    const vip = raw('player-vip');
    const other = raw('player-x');
    await Promise.all([vip.next('connected'), other.next('connected')]);

    vip.send({ type: 'subscribe', data: { lobbyId: 'SHUT1' }, id: 1 });
    expect(await vip.next()).toMatchObject({ type: 'ack' });
    vip.send({ type: 'subscribe', data: { lobbyId: 'OPEN1' }, id: 2 });
    expect(await vip.next()).toMatchObject({ type: 'error', data: { code: 'SUBSCRIBE_DENIED', id: 2 } });
    other.send({ type: 'subscribe', data: { lobbyId: 'OPEN1' }, id: 3 });
    expect(await other.next()).toMatchObject({ type: 'ack' });
    other.send({ type: 'subscribe', data: { lobbyId: 'SHUT1' }, id: 4 });
    expect(await other.next()).toMatchObject({ data: { code: 'SUBSCRIBE_DENIED' } });
  });

  it('refuses what authenticate does not know', async () => {
    const { raw, io } = await serve();
    const one = raw('stranger');
    expect(await one.next()).toEqual({
      type: 'error',
      data: { message: 'Authentication failed', code: 'AUTH_ERROR' },
    });
    expect((await one.closed).code).toBe(4401);
    const other = io('stranger');
    const refused = await new Promise<Error & { data?: unknown }>((resolve) =>
      other.socket.on('connect_error', resolve),
    );
    expect(refused).toMatchObject({ message: 'Authentication failed', data: { code: 'AUTH_ERROR' } });
  });

  it("serves on somebody's HTTP server, beside what that answers", async () => {
    const http = createHttpServer((request, response) => response.end(`theirs: ${request.url}`));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { at, raw, io } = await serve({ httpServer: http, rawPath: '/live' });

    expect(await (await fetch(`${at.url}/anything`)).text()).toBe('theirs: /anything');
    const client = io('player-a');
    await client.next('connected');
    const live = keep(rawClient({ wsUrl: `${at.wsUrl}/live` }, 'player-a'));
    expect(await live.next()).toMatchObject({ type: 'connected' });
    await database.query('insert into contracts default values');
    await Promise.all([client.next('contract.created'), live.next('contract.created')]);

    void raw;
    client.close();
    live.close();
    for (const server of open.splice(0)) await server.stop();
    expect(await (await fetch(`${at.url}/still`)).text()).toBe('theirs: /still');
    http.close();
  });
});
