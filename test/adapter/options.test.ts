/** What the options of the adapter change, those of the stock one too, and what it costs when nothing happens. */
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startProxy } from './proxy.js';
import { joinAs, knows, named, startNode, startNodes, type Node, type NodeOptions } from './support.js';

let database: TestDatabase;
let nodes: Node[] = [];

beforeAll(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop();
});
afterAll(() => database.drop());

async function pair(adapter: NodeOptions['adapter'] = {}): Promise<[Node, Node]> {
  nodes = await startNodes(database.url, 2, { adapter });
  return nodes as [Node, Node];
}
const rows = async (table: string) =>
  (await database.query(`select count(*)::int as n from realtime.${table}`))[0].n as number;

it('payloadThreshold sends larger requests by a row, and cleanupInterval deletes it', async () => {
  const [one, two] = await pair({ payloadThreshold: 300, cleanupInterval: 60_000 });
  const heard = vi.fn();
  two.io.on('job', heard);
  one.io.serverSideEmit('job', 'small');
  await vi.waitFor(() => expect(heard).toHaveBeenLastCalledWith('small'), 10_000);
  expect(await rows('attachments')).toBe(0);
  const large = 'x'.repeat(301);
  one.io.serverSideEmit('job', large);
  await vi.waitFor(() => expect(heard).toHaveBeenLastCalledWith(large), 10_000);
  expect(await rows('attachments')).toBe(1);

  const tidy = await startNode(database.url, { adapter: { payloadThreshold: 300, cleanupInterval: 3000 } });
  nodes.push(tidy);
  await knows(tidy.io, 3);
  // The later ones are too young when the first is removed; all are there until they have been read, on a busy machine too.
  for (const end of ['!', '!!', '!!!']) {
    tidy.io.serverSideEmit('job', large + end);
    await vi.waitFor(() => expect(heard).toHaveBeenLastCalledWith(large + end), 10_000);
  }
  await expect.poll(() => rows('attachments')).toBe(0);
});

it('payloadThreshold over what NOTIFY takes is what NOTIFY takes', async () => {
  const [one, two] = await pair({ payloadThreshold: 1_000_000 });
  const heard = vi.fn();
  two.io.on('job', heard);
  for (const size of [7000, 7900, 7999, 8000, 20_000]) {
    one.io.serverSideEmit('job', 'x'.repeat(size));
    await vi.waitFor(() => expect(heard).toHaveBeenLastCalledWith('x'.repeat(size)), 10_000);
  }
  expect([...one.errors, ...two.errors]).toEqual([]);
});

it('channelPrefix keeps groups of servers on one database apart', async () => {
  const [one, two] = await pair({ channelPrefix: 'chat' });
  const other = await startNode(database.url, { adapter: { channelPrefix: 'game' } });
  nodes.push(other);
  const clients = await Promise.all([two, other].map(({ url }) => joinAs(url)));
  one.io.emit('news', 'of the chat');
  other.io.emit('news', 'of the game');
  for (const { io } of [one, other]) io.emit('end');
  expect(named((await clients[0]?.until('end')) ?? [], 'news')).toEqual([['of the chat']]);
  expect(named((await clients[1]?.until('end')) ?? [], 'news')).toEqual([['of the game']]);
  expect(await other.io.fetchSockets()).toHaveLength(1);
  expect(await other.io.of('/').adapter.serverCount()).toBe(1);
  for (const client of clients) client.socket.disconnect();
});

it('retentionEvents lets the log go that nobody needs any more', async () => {
  const adapter = { retentionEvents: 12, retentionHours: 1 / 3600 / 1000 };
  // It is looked at when an instance starts, and every five minutes.
  for (let round = 0; round < 12; round++) {
    const node = await startNode(database.url, { adapter });
    const client = await joinAs(node.url);
    for (let i = 0; i < 20; i++) node.io.emit('news', i);
    node.io.emit('end');
    await client.until('end');
    client.socket.disconnect();
    await node.stop();
  }
  expect(Number((await database.query('select floor from realtime.kept()'))[0].floor)).toBeGreaterThan(0);
  expect(await rows('log')).toBeLessThan(12 * 21);
});

it('an idle instance asks twice in five seconds, however many namespaces it has, and writes nothing', async () => {
  const proxy = await startProxy(database.url);
  try {
    const idle = await startNode(proxy.url);
    const other = await startNode(database.url);
    nodes.push(idle, other);
    await knows(idle.io, 2);
    for (let n = 0; n < 20; n++) idle.io.of(`/of-many-${n}`);
    // What the namespaces have to say to each other has been said when it has been silent for a second.
    let before = -1;
    await vi.waitFor(
      () => {
        const now = proxy.queries();
        const silent = now === before;
        before = now;
        expect(silent).toBe(true);
      },
      { timeout: 20_000, interval: 1000 },
    );
    const written = await rows('events');
    const begun = performance.now();
    // One look at the log and one sign of life, each every five seconds.
    await vi.waitFor(() => expect(proxy.queries()).toBeGreaterThanOrEqual(before + 6), {
      timeout: 60_000,
      interval: 50,
    });
    const perMinute = (6 / (performance.now() - begun)) * 60_000;
    console.log(`an idle instance of two: ${perMinute.toFixed(0)} queries a minute`);
    // Two every 5 s are 24; the first of six may come at once.
    expect(perMinute).toBeLessThan(40);
    expect(await rows('events')).toBe(written);
  } finally {
    for (const node of nodes.splice(0)) await node.stop();
    proxy.close();
  }
}, 120_000);
