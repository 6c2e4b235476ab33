/** `@socket.io/postgres-emitter`: sending from a process without sockets. */
import { Emitter } from '@socket.io/postgres-emitter';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPool } from '../../src/database/client.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { joinAs, named, serverSide, startNode, startNodes, type Client, type Node } from './support.js';

let database: TestDatabase;
let nodes: [Node, Node];
let clients: [Client, Client];
let emitter: Emitter;
let pool: pg.Pool;

const tableName = 'realtime.attachments';

beforeAll(async () => {
  database = await createDatabase();
  nodes = (await startNodes(database.url, 2, { adapter: { tableName } })) as typeof nodes;
  // On one connection what is sent stays in order.
  pool = createPool({ url: database.url, applicationName: 'emitter', max: 1 });
  emitter = new Emitter(pool, '/', { tableName });
});
afterAll(async () => {
  await pool.end();
  for (const node of nodes) await node.stop();
  await database.drop();
});
beforeEach(async () => {
  clients = (await Promise.all(nodes.map(({ url }) => joinAs(url)))) as typeof clients;
});
afterEach(() => {
  for (const { socket } of clients) socket.disconnect();
});

/** What each got before a marker. An emitter's messages are in order only one after the other. */
let markers = 0;
async function outcome(): Promise<unknown[][][]> {
  // Everything that was notified before has been heard when this has made its way around; not one of an earlier test.
  const marker = `marker ${++markers}`;
  await vi.waitFor(async () => {
    emitter.emit(marker);
    for (const { received } of clients) expect(named(received, marker)).not.toEqual([]);
  }, 20_000);
  return clients.map(({ received }) => named(received, 'news'));
}

it('broadcasts to everybody, to rooms, and not to whom it excepts', async () => {
  await serverSide(nodes, clients[0]).join('red');
  emitter.emit('news', 1, { a: ['b'] });
  await Promise.all(clients.map((client) => client.until('news')));
  emitter.to('red').emit('news', 2);
  emitter.except('red').emit('news', 3);
  expect(await outcome()).toEqual([
    [[1, { a: ['b'] }], [2]],
    [[1, { a: ['b'] }], [3]],
  ]);
});

it('sends what is large or binary, by its table', async () => {
  const args = [{ bytes: Buffer.from([1, 2]), n: [-1, 300, 1e10, 1.5, null, true], ключ: 'х'.repeat(300) }];
  emitter.emit('news', ...args);
  emitter.emit('large', 'x'.repeat(70_000), ...Array.from({ length: 20 }, (_, i) => i));
  for (const client of clients) {
    expect(named(await client.until('news'), 'news')).toEqual([args]);
    expect((named(await client.until('large'), 'large')[0] as string[])[0]).toHaveLength(70_000);
  }
});

it('moves and disconnects sockets', async () => {
  const id = clients[1].socket.id ?? '';
  emitter.in(id).socketsJoin(['blue', 'green']);
  await expect.poll(() => nodes[0].io.in('blue').fetchSockets()).toHaveLength(1);
  emitter.in(id).socketsLeave('blue');
  await expect.poll(() => nodes[0].io.in('blue').fetchSockets()).toHaveLength(0);
  expect(await nodes[0].io.in('green').fetchSockets()).toHaveLength(1);
  const gone = new Promise((resolve) => clients[1].socket.once('disconnect', resolve));
  emitter.in(id).disconnectSockets(true);
  await gone;
});

it('reaches servers', async () => {
  const heard = nodes.map(({ io }) => new Promise((resolve) => io.once('job', resolve as never)));
  emitter.serverSideEmit('job', 'done');
  expect(await Promise.all(heard)).toEqual(['done', 'done']);
});

it('sends to a namespace of its own', async () => {
  for (const { io } of nodes) io.of('/admin');
  const inside = await joinAs(nodes[1].url, {}, '/admin');
  await vi.waitFor(() => {
    emitter.of('/admin').emit('news');
    expect(inside.received).not.toEqual([]);
  }, 20_000);
  expect(await outcome()).toEqual([[], []]);
  inside.socket.disconnect();
});

it('leaves no row behind for long', async () => {
  const node = await startNode(database.url, { adapter: { tableName, cleanupInterval: 50 } });
  emitter.emit('bytes', Buffer.from([1]));
  await vi.waitFor(async () => {
    expect((await database.query(`select 1 from ${tableName}`)).length).toBe(0);
  }, 10_000);
  await node.stop();
});

describe('of another role', () => {
  let role: string;
  let pool: pg.Pool;
  beforeAll(async () => {
    role = `sender_${database.name}`;
    await database.query(`create role ${role} login password 'x'`);
    const url = new URL(database.url);
    url.username = role;
    url.password = 'x';
    pool = new pg.Pool({ connectionString: url.href, max: 1 });
  });
  afterAll(async () => {
    await pool.end();
    await database.query(`drop owned by ${role}; drop role ${role}`);
  });

  it('is refused until it is granted what it takes to publish', async () => {
    const foreign = new Emitter(pool, '/', { tableName });
    foreign.emit('news', 'before');
    await expect.poll(() => nodes[0].errors.map(String).join()).toContain(`role "${role}" may not publish`);
    await database.query(`grant usage on schema realtime to ${role};
      grant execute on function realtime.adapter_append(text[], text[]) to ${role}`);
    foreign.emit('news', 'after');
    await Promise.all(clients.map((client) => client.until('news')));
    expect(await outcome()).toEqual([[['after']], [['after']]]);
  });
});
