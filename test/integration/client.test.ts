import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import WebSocket from 'ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Client, type ConnectOptions, type EventMap } from '../../src/client/index.js';
import { rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;
let proxy: TcpProxy;
const clients: Client[] = [];

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
  proxy = await startProxy(server.url);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  proxy.heal();
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
  await database.drop();
});

/** A client behind the proxy that comes back quickly. */
function open(player: string, options: Partial<ConnectOptions> = {}): Client {
  const client = connect({
    url: proxy.through(server.wsUrl),
    token: () => server.token(player),
    WebSocket,
    backoff: { minMs: 5, maxMs: 100 },
    ...options,
  });
  clients.push(client);
  return client;
}

/** Resolves with the next value that fits. */
const next = <Name extends keyof EventMap>(
  client: Client,
  name: Name,
  fits: (value: EventMap[Name]) => boolean = () => true,
) =>
  new Promise<EventMap[Name]>((resolve) => {
    const off = client.on(name, (value) => {
      if (!fits(value)) return;
      off();
      resolve(value);
    });
  });
const opened = (client: Client) => next(client, 'state', ({ state }) => state === 'open');

/** Cuts the connection; resolves when it is there again. */
async function cut(client: Client): Promise<void> {
  const back = opened(client);
  proxy.cut();
  await back;
}

const insertContract = async (): Promise<string> =>
  (await database.query('insert into contracts default values returning id'))[0].id;
/** Inserts a contract, and resolves with its id when the client has been told. */
async function passed(client: Client): Promise<string> {
  const seen = new Set<string>();
  let wake = () => undefined as void;
  const off = client.on('contract.created', ({ contractId }) => {
    seen.add(contractId);
    wake();
  });
  const id = await insertContract();
  while (!seen.has(id)) await new Promise<void>((resolve) => (wake = resolve));
  off();
  return id;
}
const insertLobby = async (code: string, visibility = 'public'): Promise<string> =>
  (
    await database.query('insert into lobbies (code, visibility) values ($1, $2) returning id', [
      code,
      visibility,
    ])
  )[0].id;
const join = (lobby: string, player: string) =>
  database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [lobby, player]);

describe('the client, on a bad network', () => {
  it('gives every event once and in order while its connections are cut as they write', async () => {
    const client = open('cut');
    const events = client[Symbol.asyncIterator]();
    await opened(client);
    const gaps: unknown[] = [];
    client.on('gap', (gap) => gaps.push(gap));
    let connections = 1;
    let untilCut = 7;
    client.on('connected', () => {
      connections++;
      untilCut = connections;
    });
    // In the middle of what arrives, replayed or live; once a connection, sooner or later.
    client.on('contract.created', () => {
      if (untilCut-- === 0) proxy.cut();
    });

    const writing = (async () => {
      const ids: string[] = [];
      while (connections < 12) ids.push(await insertContract());
      return ids;
    })();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of events) if (event.type === 'contract.created') seen.push(event.contractId);
    })();
    const written = await writing;
    const last = await passed(client);
    client.close();
    await reading;
    // One writer: the order it wrote in is the order.
    expect(seen).toEqual([...written, last]);
    expect(gaps).toEqual([]);
  });

  it('notices a connection that has gone dead without a word', async () => {
    const client = open('dead', { heartbeatMs: 50, timeoutMs: 500 });
    await opened(client);
    const lost = next(client, 'state', ({ state }) => state === 'reconnecting');
    proxy.blackhole();
    const id = await insertContract();
    const event = next(client, 'contract.created', ({ contractId }) => contractId === id);
    expect(await lost).toMatchObject({ reason: 'timeout' });
    proxy.heal();
    await event;
  });

  it('goes on from a cursor that another client has kept', async () => {
    const before = open('kept');
    await opened(before);
    const first = await Promise.all([next(before, 'contract.created'), insertContract()]);
    const since = before.cursor;
    before.close();
    const missed = [await insertContract(), await insertContract()];
    const after = open('kept', { since });
    const seen: string[] = [];
    after.on('contract.created', ({ contractId }) => seen.push(contractId));
    const connected = await next(after, 'connected');
    const id = await passed(after);
    expect(connected.recovered).toBe(true);
    expect(seen).toEqual([...missed, id]);
    expect(seen).not.toContain(first[1]);
  });

  it('tells of a gap when the place it asks for is unknown, and of what cannot be told as events', async () => {
    const client = open('gap', { since: '0-1' });
    expect(await next(client, 'gap')).toEqual({ code: 'RESUME_FAILED' });
    const resync = next(client, 'gap');
    await database.query('truncate bounties');
    expect(await resync).toEqual({ code: 'RESYNC_REQUIRED' });
  });
});

describe('the client and a server that restarts', () => {
  it('comes back to the same port and gets what was written while nobody listened', async () => {
    const HASHI_DATA_DIR = await mkdtemp(joinPath(tmpdir(), 'hashi-client-'));
    const first = await startServer(database.url, { HASHI_DATA_DIR });
    let current = first;
    const client = open('restart', { url: first.wsUrl, token: () => current.token('restart') });
    await opened(client);
    const ended = next(client, 'state', ({ state }) => state === 'reconnecting');
    await first.stop();
    expect(await ended).toMatchObject({ code: 1012, reason: 'SERVER_RESTARTING' });
    const id = await insertContract();
    const event = next(client, 'contract.created', ({ contractId }) => contractId === id);
    current = await startServer(database.url, { HASHI_DATA_DIR, PORT: new URL(first.url).port });
    try {
      await event;
    } finally {
      client.close();
      await current.stop();
      await rm(HASHI_DATA_DIR, { recursive: true });
    }
  });
});

describe('the token', () => {
  it('is replaced on the open connection, which outlives it', async () => {
    // Within the leeway: good for some seconds still, and the same one for both.
    const expiring = await server.token('refresh', { expiresInSeconds: 0 });
    const control = rawClient(server, expiring);
    let asked = 0;
    const client = open('refresh', { token: () => (++asked === 1 ? expiring : server.token('refresh')) });
    await opened(client);
    const states: unknown[] = [];
    client.on('state', (change) => states.push(change));
    expect(await control.closed).toEqual({ code: 4401, reason: 'TOKEN_EXPIRED' });
    // The server looks at all tokens in one go: this client would be gone too.
    expect(await client.ping()).toBeGreaterThan(0);
    expect(states).toEqual([]);
    expect(asked).toBe(2);
  });

  it('that is refused twice ends the client, with the code', async () => {
    const client = open('nobody', { token: () => 'not-a-token' });
    const subscribed = client.subscribe('ANY');
    const [change] = await Promise.all([
      next(client, 'state', ({ state }) => state === 'closed'),
      expect(subscribed).rejects.toMatchObject({ code: 'AUTH_ERROR' }),
    ]);
    expect(change).toEqual({ state: 'closed', code: 4401, reason: 'AUTH_ERROR' });
  });
});

describe('subscribe', () => {
  it('goes on after a reconnect, and tells that the lobby may have been missed', async () => {
    const lobby = await insertLobby('WATCHED');
    const client = open('spectator');
    await client.subscribe('WATCHED');
    const joined = next(client, 'lobby.joined');
    await join(lobby, 'a');
    expect((await joined).payload.playerId).toBe('a');

    const gap = next(client, 'gap');
    proxy.cut();
    expect(await gap).toEqual({ code: 'RESUBSCRIBED', lobby: 'WATCHED' });
    const again = next(client, 'lobby.joined');
    await join(lobby, 'b');
    expect((await again).payload.playerId).toBe('b');

    await client.unsubscribe('WATCHED');
    const seen: string[] = [];
    client.on('event', (event) => seen.push(event.type));
    await join(lobby, 'c');
    await passed(client);
    expect(seen).toEqual(['contract.created']);
  });

  it('is over when its player leaves the lobby, connected or not, until it is asked for again', async () => {
    const lobby = await insertLobby('LEFT01');
    const leave = () => database.query(`delete from lobby_participants where lobby_id = $1`, [lobby]);
    const client = open('leaver');
    const lobbyEvents: string[] = [];
    const gaps: unknown[] = [];
    client.on('lobby:event', ({ type }) => lobbyEvents.push(type));
    client.on('gap', (gap) => gaps.push(gap));
    await client.subscribe('LEFT01');
    await join(lobby, 'leaver');
    const left = next(client, 'lobby.left');
    await leave();
    await left;
    await cut(client);
    await client.subscribe('LEFT01');
    await join(lobby, 'leaver');
    await passed(client);
    // Now it leaves while nobody looks, and has been told so after the reconnect.
    const back = opened(client);
    const toldLater = next(client, 'lobby.left');
    proxy.blackhole();
    await leave();
    proxy.heal();
    proxy.cut();
    await Promise.all([back, toldLater]);
    await cut(client);
    await join(lobby, 'somebody else');
    await passed(client);
    expect(lobbyEvents).toEqual(['lobby.joined', 'lobby.left', 'lobby.joined', 'lobby.left']);
    expect(gaps).toEqual([]);
  });

  it('rejects with the code for a lobby that is not yours, and for one that is not there', async () => {
    await insertLobby('PRIVATE', 'private');
    const client = open('stranger');
    await expect(client.subscribe('PRIVATE')).rejects.toMatchObject({ code: 'SUBSCRIBE_DENIED' });
    await expect(client.subscribe('NOWHERE')).rejects.toMatchObject({ code: 'SUBSCRIBE_DENIED' });
  });
});

it('ends by AbortSignal, and its iterators with it', async () => {
  const controller = new AbortController();
  const client = open('abort', { signal: controller.signal });
  const events = client[Symbol.asyncIterator]();
  await opened(client);
  controller.abort();
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(client.state).toBe('closed');
});
