/** What Socket.IO promises of rooms and broadcasts, across instances. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { joinAs, named, serverSide, startNodes, type Client, type Node } from './support.js';

let database: TestDatabase;
let nodes: Node[];
let clients: Client[];

beforeAll(async () => {
  database = await createDatabase();
  nodes = await startNodes(database.url, 3);
});
afterAll(async () => {
  for (const node of nodes) await node.stop();
  await database.drop();
});

async function join(): Promise<Client[]> {
  clients = [];
  for (const { url } of nodes) clients.push(await joinAs(url));
  return clients;
}
afterEach(() => {
  for (const { socket } of clients) socket.disconnect();
});

/** What each got of an event before the marker. */
async function outcome(event: string): Promise<unknown[][][]> {
  nodes[0]?.io.emit('marker');
  const all = await Promise.all(clients.map((client) => client.until('marker')));
  return all.map((received) => named(received, event));
}

it('broadcasts to every client of every instance', async () => {
  await join();
  nodes[1]?.io.emit('news', 1, 'two', { three: [3] });
  expect(await outcome('news')).toEqual([
    [[1, 'two', { three: [3] }]],
    [[1, 'two', { three: [3] }]],
    [[1, 'two', { three: [3] }]],
  ]);
});

it('reaches a room wherever its sockets are, once each', async () => {
  const [one, , three] = await join();
  await serverSide(nodes, one as Client).join(['red', 'blue']);
  await serverSide(nodes, three as Client).join('blue');
  nodes[1]?.io.to('red').to('blue').emit('news', 'colours');
  expect(await outcome('news')).toEqual([[['colours']], [], [['colours']]]);
});
