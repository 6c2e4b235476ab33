/** Processes that stand still, as on a machine that hangs: a peer, then the database. Connections stay open, and nobody is told. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startEmbedded, type EmbeddedPostgres } from '../../src/database/embedded.js';
import { freezePostgres } from '../faults/support/freeze.js';
import { startChild } from './children.js';
import { joinAs, knows, named, startNodes, type Client } from './support.js';

let dataDir: string;
let postgres: EmbeddedPostgres;
let opened: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-frozen-'));
  postgres = await startEmbedded({ dataDir, tuning: 'test' });
});
afterEach(async () => {
  for (const one of opened) await one.stop();
  opened = [];
});
afterAll(async () => {
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const track = <T extends { stop(): Promise<void> }>(one: T): T => {
  opened.unshift(one);
  return one;
};
async function joinAt(url: string): Promise<Client> {
  const client = await joinAs(url, { reconnection: false });
  track({ stop: async () => void client.socket.disconnect() });
  return client;
}

it('goes on beside a peer that stands still, tells who is missing in time, and takes it back', async () => {
  // It is not to be forgotten while it is asked, however slow the machine.
  const patient = { adapter: { heartbeatTimeout: 120_000 } };
  const [node, other] = await startNodes(postgres.url, 2, patient);
  if (!node || !other) throw new Error('two nodes');
  track(node);
  track(other);
  const child = track(await startChild('ours', postgres.url));
  for (const { io } of [node, other]) await knows(io, 3);
  const [own, theirs, stopped] = [await joinAt(node.url), await joinAt(other.url), await joinAt(child.url)];
  for (const { socket } of [own, theirs]) {
    socket.on('ask', (answer: (text: string) => void) => answer('yes'));
  }
  other.io.on('job', (answer: (text: string) => void) => answer('done'));
  expect(await node.io.fetchSockets()).toHaveLength(3);

  child.process.kill('SIGSTOP');
  try {
    // Long enough for those who are there, on a busy machine too.
    const patienceMs = 3000;
    const begun = performance.now();
    const found = await node.io.timeout(patienceMs).fetchSockets();
    expect(performance.now() - begun).toBeLessThan(patienceMs + 3500);
    expect(found.map(({ id }) => id).sort()).toEqual([own.socket.id, theirs.socket.id].sort());
    expect(node.errors.map(String)).toEqual([
      expect.stringMatching(/fetchSockets is incomplete: 1 did not answer within 3000 ms/),
    ]);
    await expect(node.io.timeout(patienceMs).emitWithAck('ask')).rejects.toMatchObject({
      responses: ['yes', 'yes'],
    });
    await expect(node.io.serverSideEmitWithAck('job')).rejects.toMatchObject({ responses: ['done'] });
    for (const number of [1, 2, 3]) node.io.emit('news', number);
    for (const client of [own, theirs]) {
      await vi.waitFor(() => expect(named(client.received, 'news').flat()).toEqual([1, 2, 3]), 10_000);
    }
  } finally {
    child.process.kill('SIGCONT');
  }
  await vi.waitFor(() => expect(named(stopped.received, 'news').flat()).toEqual([1, 2, 3]), 20_000);
  expect(await node.io.fetchSockets()).toHaveLength(3);
});

it('does not wait for an answer of an instance that leaves', async () => {
  const [node, other] = await startNodes(postgres.url, 2);
  if (!node || !other) throw new Error('two nodes');
  track(node);
  track(other);
  const child = track(await startChild('ours', postgres.url));
  await knows(node.io, 3);
  // Nobody answers there.
  other.io.on('job', (answer: (text: string) => void) => answer('done'));
  const answers = node.io.serverSideEmitWithAck('job');
  await child.stop();
  expect(await answers).toEqual(['done']);
});

it('delivers to its own sockets within the bound while the database stands still, and to others afterwards', async () => {
  const localDeliveryMs = 300;
  const [one, two] = await startNodes(postgres.url, 2, { adapter: { localDeliveryMs } });
  if (!one || !two) throw new Error('two nodes');
  track(one);
  track(two);
  const [own, remote] = [await joinAt(one.url), await joinAt(two.url)];
  const waits: number[] = [];
  const thaw = await freezePostgres(postgres.pid);
  try {
    for (const number of [1, 2, 3]) {
      const begun = performance.now();
      if (number === 2) one.io.socketsJoin('red');
      one.io.to(number === 3 ? 'red' : []).emit('news', number);
      await vi.waitFor(() => expect(named(own.received, 'news')).toHaveLength(number), {
        timeout: 20_000,
        interval: 5,
      });
      waits.push(performance.now() - begun);
    }
    // In time as well, with what is here.
    expect(await one.io.timeout(500).fetchSockets()).toHaveLength(1);
    expect(one.errors.join()).toMatch(/fetchSockets is incomplete/);
    expect(named(remote.received, 'news')).toEqual([]);
    // It stands still for so long that the connections are given up.
    await vi.waitFor(() => expect(one.errors.join()).toMatch(/lost the connection to the database/), 40_000);
    one.io.emit('news', 4);
    await vi.waitFor(() => expect(named(own.received, 'news')).toHaveLength(4), 20_000);
  } finally {
    thaw();
  }
  one.io.emit('end');
  for (const client of [own, remote]) {
    expect(named(await client.until('end'), 'news').flat()).toEqual([1, 2, 3, 4]);
  }
  for (const waitedMs of waits) {
    expect(waitedMs).toBeGreaterThanOrEqual(localDeliveryMs - 5);
    // No more than a busy machine takes for a timer.
    expect(waitedMs).toBeLessThan(localDeliveryMs + 3000);
  }
}, 90_000);
