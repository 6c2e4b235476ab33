/** A session that is taken over while another instance has its socket still, or knows less or more of it. */
import { expect, it, vi } from 'vitest';
import type { TestDatabase } from '../support/database.js';
import { recovering, withRecoveringPair } from './recovering.js';
import {
  connectionOf,
  joinAs,
  knows,
  lose,
  processOf,
  serverSide,
  startNode,
  type Client,
  type Node,
} from './support.js';

let database: TestDatabase;
let nodes: readonly [Node, Node];
let client: Client;
withRecoveringPair((pair) => ({ database, nodes, client } = pair));

/** A client elsewhere that shows what this one would show, which is connected still. Resolves once it is in. */
async function twinOf(node: Node, { socket }: Client): Promise<Client> {
  const { _pid, _lastOffset } = socket as unknown as { _pid: string; _lastOffset: string };
  const twin = await joinAs(node.url, { reconnection: false });
  await lose(twin.socket);
  Object.assign(twin.socket, { _pid, _lastOffset });
  const connected = connectionOf(twin.socket);
  twin.socket.connect();
  await connected;
  return twin;
}

it('takes the session from an instance that has not noticed yet', async () => {
  const old = serverSide(nodes, client);
  const ended = new Promise((resolve) => old.once('disconnect', resolve));
  const twin = await twinOf(nodes[1], client);
  // Before anything is waited for: a session that is not taken over leaves the old socket alone for ever.
  expect(twin.socket.recovered).toBe(true);
  expect(twin.socket.id).toBe(old.id);
  await ended;
  expect(nodes[0].io.sockets.sockets.has(old.id)).toBe(false);
  twin.socket.disconnect();
});

it('takes it on an instance that has yet to read what the client has got', async () => {
  const node = await startNode(database.url, recovering);
  try {
    await knows(node.io, 3);
    const { feed } = processOf(node);
    // Every look takes its time, and a notification says nothing: as on a busy machine.
    Object.assign(feed, { wake: () => undefined });
    const inside = feed as unknown as { turning?: Promise<void>; timer?: NodeJS.Timeout; timerAt: number };
    // A look that is under way, or has been decided on, is not to find it by itself.
    await inside.turning;
    clearTimeout(inside.timer);
    inside.timerAt = Number.POSITIVE_INFINITY;
    nodes[0].io.emit('news', 1);
    await client.until('news');
    const behind = feed.position;
    const twin = twinOf(node, client);
    // Only who asks is answered.
    Reflect.deleteProperty(feed, 'wake');
    expect((await twin).socket.recovered).toBe(true);
    expect(feed.position).toBeGreaterThan(behind);
    (await twin).socket.disconnect();
  } finally {
    await node.stop();
  }
});

it('ends the socket of an instance that was silent for so long that it counts as dead', async () => {
  const old = serverSide(nodes, client);
  const ended = new Promise((resolve) => old.once('disconnect', resolve));
  processOf(nodes[1]).peers.clear();
  const twin = await twinOf(nodes[1], client);
  expect(twin.socket.recovered).toBe(true);
  await ended;
  twin.socket.disconnect();
  await knows(nodes[1].io, 2);
});

it('stores a session before it writes what the instance sends to it', async () => {
  const queries = vi.spyOn(processOf(nodes[0]).line, 'query');
  try {
    nodes[0].io.on('connection', (socket) => void nodes[0].io.to(socket.id).emit('hello'));
    const other = await joinAs(nodes[0].url, { reconnection: false });
    await other.until('hello');
    other.socket.disconnect();
    // They are sent in the order of the calls.
    const written = queries.mock.calls.map(([text]) => /adapter_(?:keep_sessions|append)/.exec(text)?.[0]);
    expect(written.filter(Boolean).slice(0, 2)).toEqual(['adapter_keep_sessions', 'adapter_append']);
  } finally {
    queries.mockRestore();
  }
});
