/** What a program sends with the Socket.IO server API: its place in the log, on two instances, to both protocols. */
import { describe, expect, it } from 'vitest';
import { lobbyRoom, playerRoom } from '../../src/index.js';
import { database, one, two, raw, io, live, somebody, lobbyOf, join, leave, told } from './stage.js';

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
