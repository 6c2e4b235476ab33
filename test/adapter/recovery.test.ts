/** Connection state recovery: on any instance, after any end but a deliberate one. */
import { expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { withRecoveringPair } from './recovering.js';
import {
  connectionOf,
  joinAs,
  lose,
  named,
  serverSide,
  startNode,
  type Client,
  type Node,
} from './support.js';

let database: TestDatabase;
let nodes: readonly [Node, Node];
let client: Client;
withRecoveringPair((pair) => ({ database, nodes, client } = pair));

/** Cuts the connection, and waits until the server has noticed. */
async function cut(): Promise<void> {
  const socket = serverSide(nodes, client);
  const noticed = new Promise((resolve) => socket.once('disconnect', resolve));
  client.socket.io.engine.close();
  await noticed;
}

/** Connects again, to any node. Resolves with whether the session was recovered. */
async function comeBack(node: Node): Promise<boolean> {
  Object.assign(client.socket.io, { uri: node.url });
  const connected = connectionOf(client.socket);
  client.socket.connect();
  await connected;
  return client.socket.recovered;
}

it.each([
  ['the same instance', 0],
  ['another instance', 1],
])('gives back id, rooms, data and what was missed, in order, on %s', async (_where, index) => {
  const before = serverSide(nodes, client);
  await before.join(['red', 'muted']);
  before.data = { name: 'ann', bytes: Buffer.from([1]) };
  const { id } = before;
  await cut();
  const bytes = Buffer.alloc(10_000, 3);
  nodes[1].io.to('red').emit('news', 1);
  nodes[0].io.to('blue').emit('news', 'not in this room');
  nodes[0].io.emit('news', 2, { bytes });
  nodes[0].io.to('red').except('muted').emit('news', 'excepted');
  nodes[0].io.local.emit('news', 'local to others');
  nodes[0].io.volatile.emit('news', 'volatile');
  nodes[0].io.to(id).emit('news', 3);
  await nodes[0].io.fetchSockets();
  await nodes[1].io.fetchSockets();
  const node = nodes[index] as Node;
  expect(await comeBack(node)).toBe(true);
  expect(client.socket.id).toBe(id);
  nodes[0].io.emit('after');
  const received = await client.until('after');
  expect(named(received, 'news').sort()).toEqual([[1], [2, { bytes }], [3]]);
  const after = serverSide([node], client);
  expect([...after.rooms].sort()).toEqual([id, 'muted', 'red'].sort());
  expect(after.data).toEqual({ name: 'ann', bytes: Buffer.from([1]) });
  expect(after.recovered).toBe(true);
});

it('gives back nothing twice, however often the client comes back', async () => {
  for (let round = 0; round < 6; round++) {
    nodes[round % 2]?.io.emit('news', round * 2);
    await nodes[round % 2]?.io.fetchSockets();
    await cut();
    nodes[round % 2]?.io.emit('news', round * 2 + 1);
    await nodes[round % 2]?.io.fetchSockets();
    expect(await comeBack(nodes[(round + 1) % 2] as Node)).toBe(true);
  }
  nodes[0].io.emit('after');
  const numbers = named(await client.until('after'), 'news').flat();
  expect(numbers).toEqual([...Array(12).keys()]);
});

it('gives back what socket.emit() sent and did not arrive, at its place', async () => {
  const socket = serverSide(nodes, client);
  const { id } = socket;
  // The client does not read any more: what is sent now is on its way for ever.
  const raw = (client.socket.io.engine as unknown as { transport: { ws: { _socket?: { pause(): void } } } })
    .transport.ws;
  raw._socket?.pause();
  socket.emit('news', 'one');
  nodes[0].io.to(id).emit('news', 'two');
  await nodes[0].io.fetchSockets();
  socket.emit('news', 'three', 'a string at the end');
  const noticed = new Promise((resolve) => socket.once('disconnect', resolve));
  (socket.conn as unknown as { transport: { socket: { terminate(): void } } }).transport.socket.terminate();
  await noticed;
  client.socket.io.engine.close();
  expect(await comeBack(nodes[1])).toBe(true);
  nodes[1].io.emit('after');
  expect(named(await client.until('after'), 'news')).toEqual([
    ['one'],
    ['two'],
    ['three', 'a string at the end'],
  ]);
});

it('never writes what socket.emit() sends to the database', async () => {
  const count = async () =>
    (await database.query('select count(*)::int as n from realtime.events'))[0].n as number;
  const before = await count();
  const socket = serverSide(nodes, client);
  for (let i = 0; i < 50; i++) socket.emit('news', i);
  socket.emit('end');
  await client.until('end');
  expect(await count()).toBe(before);
});

it('follows rooms that changed while the client was away', async () => {
  const { id } = serverSide(nodes, client);
  await cut();
  nodes[0].io.in(id).socketsJoin('later');
  nodes[0].io.to('later').emit('news', 1);
  nodes[0].io.in(id).socketsLeave('later');
  nodes[0].io.to('later').emit('news', 2);
  await nodes[0].io.fetchSockets();
  expect(await comeBack(nodes[1])).toBe(true);
  nodes[1].io.emit('after');
  expect(named(await client.until('after'), 'news')).toEqual([[1]]);
});

it('does not bring back who was disconnected while away', async () => {
  const { id } = serverSide(nodes, client);
  await cut();
  nodes[0].io.in(id).disconnectSockets();
  await nodes[0].io.fetchSockets();
  expect(await comeBack(nodes[0])).toBe(false);
  expect(client.socket.id).not.toBe(id);
});

it('begins anew for an offset or an id that is none', async () => {
  for (const change of [
    { _lastOffset: 'x' },
    { _lastOffset: '' },
    { _lastOffset: '000000000000-1' },
    { _lastOffset: `${'9'.repeat(400)}` },
    { _pid: 'unknown' },
  ]) {
    const other = await joinAs(nodes[0].url, { reconnection: false });
    nodes[0].io.to(other.socket.id ?? '').emit('welcome');
    await other.until('welcome');
    await lose(other.socket);
    Object.assign(other.socket, change);
    const connected = connectionOf(other.socket);
    other.socket.connect();
    await connected;
    expect(other.socket.recovered).toBe(false);
    other.socket.disconnect();
  }
});

it('begins anew when the client has been away for too long', async () => {
  const node = await startNode(database.url, {
    server: { connectionStateRecovery: { maxDisconnectionDuration: 1 } },
  });
  const { id } = client.socket;
  // Its own: those of other tests may end meanwhile.
  const ended = () =>
    database.query('select from realtime.adapter_sessions where sid = $1 and disconnected_at is not null', [
      id,
    ]);
  try {
    await cut();
    // Until its end is written down a session has no age.
    await expect.poll(ended, { timeout: 20_000 }).toHaveLength(1);
    expect(await comeBack(node)).toBe(false);
  } finally {
    client.socket.disconnect();
    await node.stop();
  }
});

it('does not bring back who left', async () => {
  const { _pid, _lastOffset } = client.socket as unknown as { _pid: string; _lastOffset: string };
  const left = new Promise((resolve) => serverSide(nodes, client).once('disconnect', resolve));
  client.socket.disconnect();
  await left;
  Object.assign(client.socket, { _pid, _lastOffset });
  expect(await comeBack(nodes[0])).toBe(false);
});

it.each([
  ['asks no middleware about who is recovered', {}, false],
  ['asks them all the same when it is told to', { skipMiddlewares: false }, true],
])('%s', async (_what, connectionStateRecovery, asked) => {
  const node = await startNode(database.url, { server: { connectionStateRecovery } });
  const seen: string[] = [];
  node.io.use((socket, next) => {
    seen.push(socket.id);
    next();
  });
  try {
    const { id } = client.socket;
    await cut();
    expect(await comeBack(node)).toBe(true);
    expect(seen).toEqual(asked ? [id] : []);
  } finally {
    client.socket.disconnect();
    await node.stop();
  }
});

it('keeps nothing of anybody where recovery is off', async () => {
  // A database of its own: elsewhere sessions of other clients begin and end.
  const apart = await createDatabase();
  const node = await startNode(apart.url);
  try {
    const other = await joinAs(node.url, { reconnection: false });
    node.io.emit('welcome', 'a string at the end');
    expect(named(await other.until('welcome'), 'welcome')).toEqual([['a string at the end']]);
    await lose(other.socket);
    const connected = connectionOf(other.socket);
    other.socket.connect();
    await connected;
    expect(other.socket.recovered).toBeFalsy();
    other.socket.disconnect();
    await node.stop();
    expect(await apart.query('select from realtime.adapter_sessions')).toEqual([]);
  } finally {
    await node.stop();
    await apart.drop();
  }
});

it('loses nothing that is sent while a middleware takes its time', async () => {
  const slow = await joinNodeWithMiddleware();
  try {
    await cut();
    Object.assign(client.socket.io, { uri: slow.node.url });
    const connected = connectionOf(client.socket);
    client.socket.connect();
    const next = await slow.asked;
    nodes[0].io.emit('news', 'meanwhile');
    await nodes[0].io.fetchSockets();
    await slow.node.io.fetchSockets();
    next();
    await connected;
    expect(client.socket.recovered).toBe(true);
    nodes[0].io.emit('after');
    expect(named(await client.until('after'), 'news')).toEqual([['meanwhile']]);
  } finally {
    client.socket.disconnect();
    await slow.node.stop();
  }
});

async function joinNodeWithMiddleware() {
  const node = await startNode(database.url, {
    server: { connectionStateRecovery: { skipMiddlewares: false } },
  });
  const asked = new Promise<() => void>((resolve) => {
    node.io.use((_socket, next) => resolve(() => next()));
  });
  return { node, asked };
}
