/** What of the server API goes to those who are there: what is not kept, moves, requests, and a database that is away. */
import { describe, expect, it, vi } from 'vitest';
import { lobbyRoom, playerRoom } from '../../src/index.js';
import { startProxy } from '../adapter/proxy.js';
import { type IoClient } from '../support/clients.js';
import {
  database,
  one,
  two,
  serveAnother,
  raw,
  io,
  live,
  somebody,
  lobbyOf,
  told,
  type Instance,
} from './stage.js';

describe('what is not kept', () => {
  it('is volatile or local, and makes no row', async () => {
    const [here, there] = [raw(one, somebody()), io(two, somebody())];
    await live(here, there);
    await vi.waitFor(async () => {
      one.server.io.volatile.emit('flash', 1);
      expect(there.messages.some(({ type }) => type === 'flash')).toBe(true);
    }, 20_000);
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
