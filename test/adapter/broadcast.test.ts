/** What Socket.IO promises of rooms and broadcasts, across instances. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { joinAs, knows, named, serverSide, startNodes, type Client, type Node } from './support.js';

let database: TestDatabase;
let nodes: [Node, Node, Node];
let clients: [Client, Client, Client];

beforeAll(async () => {
  database = await createDatabase();
  // On a slow machine too the order is the log's.
  nodes = (await startNodes(database.url, 3, { adapter: { localDeliveryMs: 20_000 } })) as typeof nodes;
});
afterAll(async () => {
  for (const node of nodes) await node.stop();
  await database.drop();
});
beforeEach(async () => {
  clients = (await Promise.all(nodes.map(({ url }) => joinAs(url)))) as typeof clients;
});
afterEach(() => {
  for (const { socket } of clients) socket.disconnect();
  for (const { errors } of nodes) expect(errors).toEqual([]);
});

let markers = 0;
/** What each client got of an event before a marker of each node. */
async function outcome(event = 'news'): Promise<unknown[][][]> {
  const round = ++markers;
  nodes.forEach(({ io }, index) => io.emit(`marker ${round} ${index}`));
  await Promise.all(
    clients.flatMap((client) => nodes.map((_node, index) => client.until(`marker ${round} ${index}`))),
  );
  return clients.map(({ received }) => named(received, event));
}

describe('a broadcast', () => {
  it('reaches every client of every instance', async () => {
    const args = [1, 'two', { three: [3], nothing: null }, ''];
    nodes[1].io.emit('news', ...args);
    expect(await outcome()).toEqual([[args], [args], [args]]);
  });

  it('reaches a room wherever its sockets are, each once', async () => {
    await serverSide(nodes, clients[0]).join(['red', 'blue']);
    await serverSide(nodes, clients[2]).join('blue');
    nodes[1].io.to('red').to('blue').emit('news', 'colours');
    expect(await outcome()).toEqual([[['colours']], [], [['colours']]]);
  });

  it('spares the rooms it excepts', async () => {
    await serverSide(nodes, clients[0]).join('red');
    await serverSide(nodes, clients[1]).join('red');
    await serverSide(nodes, clients[1]).join('muted');
    nodes[2].io.to('red').except('muted').emit('news', 'a');
    nodes[2].io.except('red').emit('news', 'b');
    expect(await outcome()).toEqual([[['a']], [], [['b']]]);
  });

  it('from a socket reaches all others, on all instances', async () => {
    serverSide(nodes, clients[0]).broadcast.emit('news', 'hello');
    expect(await outcome()).toEqual([[], [['hello']], [['hello']]]);
  });

  it('with local stays on its instance', async () => {
    nodes[1].io.local.emit('news', 'here');
    expect(await outcome()).toEqual([[], [['here']], []]);
  });

  it('to a socket id reaches that socket from any instance', async () => {
    nodes[0].io.to(clients[2].socket.id ?? '').emit('news', 'you');
    expect(await outcome()).toEqual([[], [], [['you']]]);
  });

  it('to a socket id reaches others that have joined its room elsewhere', async () => {
    await serverSide(nodes, clients[2]).join(clients[0].socket.id ?? '');
    nodes[0].io.to(clients[0].socket.id ?? '').emit('news', 'both');
    expect(await outcome()).toEqual([[['both']], [], [['both']]]);
  });

  it('may be of any size, and keeps its place among small ones', async () => {
    const sizes = [10, 200_000, 10, 7990, 7999, 8000, 8001, 3_000_000, 1];
    for (const size of sizes) nodes[0].io.emit('news', 'x'.repeat(size));
    const got = await outcome();
    for (const one of got) expect(one.map(([text]) => (text as string).length)).toEqual(sizes);
  });

  it('carries bytes, nested and beside strings that look like them', async () => {
    const args = [
      { a: [Buffer.from([0, 1, 255]), { b: Buffer.alloc(20_000, 7) }] },
      '\u0000bAAEC',
      '\u0000',
      'a\u0000b',
      '\ud800',
    ];
    nodes[0].io.emit('news', ...args, new Uint8Array([9, 8]));
    for (const [got] of await outcome()) {
      expect(got?.slice(0, 5)).toEqual(args);
      expect(Buffer.from(got?.[5] as Uint8Array)).toEqual(Buffer.from([9, 8]));
    }
  });

  it('is what it was when it was emitted, whatever becomes of the object', async () => {
    const state = { count: 1 };
    nodes[0].io.emit('news', state);
    state.count = 2;
    expect(await outcome()).toEqual([[[{ count: 1 }]], [[{ count: 1 }]], [[{ count: 1 }]]]);
  });

  it('of what JSON cannot hold throws at the emitter, and harms nobody', async () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => nodes[0].io.emit('news', loop)).toThrow(TypeError);
    expect(() => nodes[0].io.emit('news', 1n)).toThrow(TypeError);
    expect(await outcome()).toEqual([[], [], []]);
  });

  it('that is volatile reaches connected clients without a row in the log', async () => {
    const count = async () =>
      (await database.query('select count(*)::int as n from realtime.events'))[0].n as number;
    const before = await count();
    for (const [event, size] of Object.entries({ tick: 1, tock: 1, boom: 9000 })) {
      nodes[0].io.volatile.emit(event, 'x'.repeat(size));
      await Promise.all(clients.map((client) => client.until(event)));
    }
    expect(await count()).toBe(before);
  });
});

describe('the order', () => {
  it('is the same on every instance, whoever emits', async () => {
    for (let i = 0; i < 200; i++) nodes[i % 3]?.io.emit('news', i);
    // Each of the three has to be done: a marker from each.
    for (const { io } of nodes) io.emit('done');
    await Promise.all(
      clients.map((client) => expect.poll(() => named(client.received, 'done').length).toBe(3)),
    );
    const orders = clients.map((client) => named(client.received, 'news').map(([i]) => i as number));
    expect(orders[0]).toHaveLength(200);
    expect(orders[1]).toEqual(orders[0]);
    expect(orders[2]).toEqual(orders[0]);
    for (const of of [0, 1, 2]) {
      const own = orders[0]?.filter((i) => i % 3 === of) ?? [];
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });

  it('puts joins, leaves and disconnects at their place between broadcasts', async () => {
    const { io } = nodes[0];
    io.to('club').emit('news', 1);
    io.socketsJoin('club');
    io.to('club').emit('news', 2);
    io.in(clients[1].socket.id ?? '').socketsLeave('club');
    io.to('club').emit('news', 3);
    io.in(clients[2].socket.id ?? '').disconnectSockets();
    io.to('club').emit('news', 4);
    const gone = new Promise((resolve) => clients[2].socket.once('disconnect', resolve));
    expect(await gone).toBe('io server disconnect');
    io.emit('marker');
    await Promise.all([clients[0].until('marker'), clients[1].until('marker')]);
    expect(clients.map(({ received }) => named(received, 'news').flat())).toEqual([[2, 3, 4], [2], [2, 3]]);
  });
});

describe('sockets of other instances', () => {
  it('are found, with their rooms, data and handshake', async () => {
    const one = serverSide(nodes, clients[0]);
    await one.join('red');
    one.data = { name: 'ann', bytes: Buffer.from([1]) };
    const found = await nodes[1].io.in('red').fetchSockets();
    expect(found).toHaveLength(1);
    expect(found[0]?.id).toBe(clients[0].socket.id);
    expect([...(found[0]?.rooms ?? [])].sort()).toEqual([clients[0].socket.id, 'red'].sort());
    expect(found[0]?.data).toEqual({ name: 'ann', bytes: Buffer.from([1]) });
    expect(found[0]?.handshake.headers.host).toMatch(/127/);
    expect(await nodes[2].io.fetchSockets()).toHaveLength(3);
    expect(await nodes[2].io.local.fetchSockets()).toHaveLength(1);
  });

  it('are found as they are after what was ordered before', async () => {
    nodes[0].io.socketsJoin('quick');
    expect(await nodes[0].io.in('quick').fetchSockets()).toHaveLength(3);
  });

  it('can be joined, left, sent to and disconnected one by one', async () => {
    const [found] = await nodes[0].io.in(clients[2].socket.id ?? '').fetchSockets();
    found?.join('picked');
    found?.emit('news', 'hi');
    expect(await nodes[0].io.in('picked').fetchSockets()).toHaveLength(1);
    found?.leave('picked');
    expect(await nodes[0].io.in('picked').fetchSockets()).toHaveLength(0);
    await clients[2].until('news');
    const gone = new Promise((resolve) => clients[2].socket.once('disconnect', resolve));
    found?.disconnect(true);
    await gone;
  });

  it('acknowledge a broadcast, each of them', async () => {
    clients.forEach(({ socket }, index) =>
      socket.on('ask', (_q: string, answer: (a: unknown) => void) => answer(index)),
    );
    const answers = (await nodes[1].io.timeout(10_000).emitWithAck('ask', 'who?')) as number[];
    expect(answers.sort()).toEqual([0, 1, 2]);
    const [found] = await nodes[0].io.in(clients[2].socket.id ?? '').fetchSockets();
    expect(await found?.timeout(10_000).emitWithAck('ask', 'you?')).toBe(2);
  });

  it('acknowledge with bytes, and in rooms they were put into just before', async () => {
    clients.forEach(({ socket }) =>
      socket.on('ask', (answer: (a: unknown) => void) => answer(Buffer.from([1, 2]))),
    );
    nodes[0].io.in(clients[1].socket.id ?? '').socketsJoin('late');
    const answers = (await nodes[0].io.to('late').timeout(10_000).emitWithAck('ask')) as unknown[];
    expect(answers).toEqual([Buffer.from([1, 2])]);
  });

  it('are not waited for where there are none', async () => {
    expect(await nodes[0].io.to('nobody').timeout(10_000).emitWithAck('ask')).toEqual([]);
  });

  it('that do not acknowledge leave the answers of the others, and an error', async () => {
    clients[0].socket.on('ask', (answer: (a: unknown) => void) => answer('yes'));
    // Long enough for the one who does, on a busy machine too.
    await expect(nodes[1].io.timeout(3000).emitWithAck('ask')).rejects.toMatchObject({ responses: ['yes'] });
  });
});

describe('serverSideEmit', () => {
  it('reaches the other instances, not the sender', async () => {
    const heard: unknown[] = [];
    const all = nodes.map(({ io }, index) => {
      io.removeAllListeners('hello');
      return new Promise<void>((resolve) => {
        io.on('hello', (...args: unknown[]) => {
          heard.push([index, ...args]);
          resolve();
        });
      });
    });
    nodes[0].io.serverSideEmit('hello', 1, { big: 'x'.repeat(10_000), bytes: Buffer.from([3]) });
    await Promise.all([all[1], all[2]]);
    const args = [1, { big: 'x'.repeat(10_000), bytes: Buffer.from([3]) }];
    expect(heard.sort()).toEqual([
      [1, ...args],
      [2, ...args],
    ]);
  });

  it('gathers acknowledgements', async () => {
    nodes.forEach(({ io }, index) => {
      io.removeAllListeners('sum');
      io.on('sum', (answer: (n: number) => void) => answer(index));
    });
    expect(((await nodes[0].io.serverSideEmitWithAck('sum')) as number[]).sort()).toEqual([1, 2]);
  });
});

describe('namespaces', () => {
  it.each([
    ['of a plain name', '/chat'],
    ['with quotes and SQL', `/a"; drop table realtime.events; --'`],
    ['of more than 63 bytes', `/${'long'.repeat(60)}`],
    ['of any script', '/кімната-部屋-🏠'],
  ])('%s are kept apart and reach all instances', async (_what, name) => {
    for (const { io } of nodes) io.of(name);
    for (const { io } of nodes) await knows(io, 3, name);
    const inside = await Promise.all(nodes.map(({ url }) => joinAs(url, {}, name)));
    nodes[0].io.of(name).emit('news', 'inside');
    nodes[0].io.of(name).emit('end');
    for (const client of inside) expect(named(await client.until('end'), 'news')).toEqual([['inside']]);
    expect(await nodes[1].io.of(name).fetchSockets()).toHaveLength(3);
    expect(await outcome()).toEqual([[], [], []]);
    for (const { socket } of inside) socket.disconnect();
  });

  it('that come and go with their clients work each time', async () => {
    for (const { io } of nodes) io.of(/^\/dynamic-\d+$/);
    for (const round of [1, 2]) {
      const inside = await Promise.all(nodes.map(({ url }) => joinAs(url, {}, '/dynamic-101')));
      nodes[round]?.io.of('/dynamic-101').emit('news', round);
      for (const client of inside) expect(named(await client.until('news'), 'news')).toEqual([[round]]);
      for (const { socket } of inside) socket.disconnect();
    }
  });
});
