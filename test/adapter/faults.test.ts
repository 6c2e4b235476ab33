/** What the stock adapter gets wrong, done to both: what each does is printed, and ours has to be right. */
import pg from 'pg';
import { expect, vi } from 'vitest';
import { within } from '../../src/adapter/within.js';
import {
  compareAdapters,
  database,
  fault,
  join,
  keep,
  killListeners,
  listeners,
  listening,
  listeningAnew,
  pair,
  pairs,
  start,
  type Kind,
} from './both.js';
import { startChild } from './children.js';
import { startProxy, type Proxy } from './proxy.js';
import { joinAs, knows, named, type Client } from './support.js';

compareAdapters();

fault('A killed LISTEN backend, no error handler on pooled clients', 'goes on', async (kind) => {
  const child = await startChild(kind, database.url);
  keep(child);
  const client = await joinAs(child.url);
  keep({ stop: async () => void client.socket.disconnect() });
  await listening(1);
  await killListeners();
  const end = child.ended.then((how) => `the process ends (${how})`);
  // Not before it knows of the loss: an emit could arrive while the news of it is on its way.
  const before = await Promise.race([end, listeningAnew().then(() => 'listens')]);
  if (before !== 'listens') return before;
  const sent = child.emit('after').catch((_dead: unknown) => undefined);
  const outcome = await Promise.race([end, client.until('after').then(() => 'goes on')]);
  await Promise.race([sent, child.ended]);
  return outcome;
});

fault('20 messages right after LISTEN backends were killed', '20 of 20 arrive', async (kind) => {
  const [one, , , remote] = await pair(kind);
  await listening(2);
  const killed = await killListeners();
  for (let i = 0; i < 20; i++) one.io.emit('news', i);
  await listening(killed);
  await vi.waitFor(async () => {
    one.io.emit('marker');
    expect(named(remote.received, 'marker')).not.toEqual([]);
  }, 10_000);
  const arrived = named(remote.received, 'news').length;
  return `${arrived} of 20 arrive${arrived < 20 && one.errors.length === 0 ? ', nobody is told' : ''}`;
});

fault('LISTEN backends killed as often as the pool is large', 'emits arrive', async (kind) => {
  const poolSize = 2;
  const [one, , local] = await pair(kind, {}, undefined, poolSize);
  const { pool } = one;
  // Some rounds more: one may find a listener that has not come back yet.
  for (let round = 0; round < 4 * poolSize && pool.waitingCount === 0; round++) {
    await vi.waitFor(async () => {
      if (kind === 'stock' && pool.waitingCount > 0) return;
      expect((await database.query(`select pid ${listeners}`)).length).toBeGreaterThanOrEqual(2);
    }, 15_000);
    await killListeners();
  }
  one.io.emit('news');
  let stuck = false;
  await vi.waitFor(() => {
    stuck = pool.waitingCount >= 2;
    expect(stuck || named(local.received, 'news').length > 0).toBe(true);
  }, 15_000);
  return stuck ? 'even local emits hang: every pooled client is leaked' : 'emits arrive';
});

fault('A large message and a small one, while the first is on its way', 'in order', (kind) =>
  overtaken(kind, ['x'.repeat(20_000), '']),
);

fault('A burst of 300, one connection of which is slow', 'in order', (kind) =>
  overtaken(
    kind,
    Array.from({ length: 300 }, () => ''),
  ),
);

/** What becomes of the order when the connection that the first message takes is slower than others. */
async function overtaken(kind: Kind, texts: readonly string[]): Promise<string> {
  const proxy = await startProxy(database.url);
  keep({ stop: async () => proxy.close() });
  const [one, , , remote] = await pair(kind, { localDeliveryMs: 20_000 }, proxy.url);
  const hold = proxy.hold('news');
  texts.forEach((text, i) => one.io.emit('news', i, text));
  await hold.held;
  if (kind === 'stock') await remote.until('news');
  hold.release();
  await vi.waitFor(() => expect(named(remote.received, 'news')).toHaveLength(texts.length), 10_000);
  return inversions(remote);
}

function inversions(client: Client): string {
  const numbers = named(client.received, 'news').map(([i]) => i as number);
  const inverted = numbers.filter((n, i) => i > 0 && n < (numbers[i - 1] ?? 0)).length;
  return inverted === 0 ? 'in order' : `${inverted} out of order`;
}

fault('Every size from 7,800 to 8,000 bytes', 'all arrive', async (kind) => {
  const [one, , local, remote] = await pair(kind);
  const sizes = [...Array(80).keys()].map((i) => 7820 + i);
  for (const size of sizes) {
    one.io.emit(`n${size}`, 'x'.repeat(size));
    await local.until(`n${size}`);
  }
  one.io.emit('marker');
  const received = await remote.until('marker');
  const lost = sizes.length - (received.length - 1);
  return lost === 0 ? 'all arrive' : `${lost} lost`;
});

fault('A large message without the table for attachments', 'arrives', async (kind) => {
  const [one, , local, remote] = await pair(kind, { tableName: 'nowhere' });
  one.io.emit('news', 'x'.repeat(20_000));
  await local.until('news');
  one.io.emit('marker');
  const received = await remote.until('marker');
  if (named(received, 'news').length > 0) return 'arrives';
  return one.errors.some(({ message }) => message.includes('nowhere'))
    ? 'lost, and says so'
    : 'lost without a word';
});

fault('SQL in the name of a namespace', 'is a name', async (kind) => {
  const name = '/"; create table injected (); --';
  const [one, two] = await pair(kind);
  for (const { io } of [one, two]) io.of(name);
  const injected = async () =>
    (await database.query("select to_regclass('injected') as found"))[0].found !== null;
  if (kind === 'stock') {
    await vi.waitFor(async () => expect(await injected()).toBe(true), 20_000);
    await database.query('drop table injected');
    return 'is executed';
  }
  await knows(one.io, 2, name);
  const remote = await join(two, name);
  one.io.of(name).emit('news');
  await remote.until('news');
  return (await injected()) ? 'is executed' : 'is a name';
});

fault('A namespace with a name of 80 bytes', 'works', async (kind) => {
  const name = `/${'x'.repeat(79)}`;
  const [one, two, , remote] = await pair(kind);
  for (const { io } of [one, two]) io.of(name);
  if (kind === 'ours') await knows(one.io, 2, name);
  const inside = await join(one, name);
  const across = await join(two, name);
  one.io.of(name).emit('news');
  await inside.until('news');
  one.io.emit('marker');
  await remote.until('marker');
  if (kind === 'ours') await across.until('news');
  return named(across.received, 'news').length === 1 ? 'works' : 'does not reach other instances';
});

fault('A database that does not answer', 'local sockets get it within a second', async (kind) => {
  const proxy = await startProxy(database.url);
  const [one, , local, remote] = await pair(kind, {}, proxy.url);
  proxy.freeze();
  const begun = performance.now();
  one.io.emit('news');
  // The stock adapter would wait for ever; this is how long it is watched.
  await within(2000, local.until('news'));
  const waitedMs = performance.now() - begun;
  const early = named(local.received, 'news').length;
  proxy.thaw();
  await Promise.all([local.until('news'), remote.until('news')]);
  one.io.emit('marker');
  await Promise.all([local.until('marker'), remote.until('marker')]);
  const times = [local, remote].map(({ received }) => named(received, 'news').length);
  expect(times).toEqual([1, 1]);
  keep({ stop: async () => proxy.close() });
  if (early === 0) return 'local sockets wait as long as it does';
  return waitedMs < 1000
    ? 'local sockets get it within a second'
    : `local sockets get it after ${waitedMs} ms`;
});

fault('1,000 emits to a room that nobody is in', 'fewer than 100 queries', async (kind) => {
  const proxy = await startProxy(database.url);
  const [one, , local] = await pair(kind, {}, proxy.url);
  const before = proxy.queries();
  for (let i = 0; i < 1000; i++) one.io.to('nobody').emit('news', i);
  one.io.emit('marker');
  await local.until('marker');
  await expect.poll(() => one.pool.waitingCount).toBe(0);
  const queries = proxy.queries() - before;
  keep({ stop: async () => proxy.close() });
  return queries < 100 ? 'fewer than 100 queries' : `${queries} queries`;
});

fault('A broadcast forged by another role', 'is dropped, and told of', async (kind) => {
  const prefix = `forged${kind}`;
  const [one, , local, remote] = await pair(kind, { channelPrefix: prefix });
  await database.query(`create role forger_${kind}_${database.name} login password 'x'`);
  const url = new URL(database.url);
  url.username = `forger_${kind}_${database.name}`;
  url.password = 'x';
  const forger = new pg.Client({ connectionString: url.href });
  await forger.connect();
  const data = {
    packet: { type: 2, data: ['news', 'forged'], nsp: '/' },
    opts: { rooms: [], except: [], flags: {} },
  };
  await forger.query('select pg_notify($1, $2)', [
    `${prefix}#/`,
    JSON.stringify({ uid: 'emitter', nsp: '/', type: 3, data }),
  ]);
  if (kind === 'ours') await expect.poll(() => one.errors).not.toEqual([]);
  one.io.emit('marker');
  await Promise.all([local.until('marker'), remote.until('marker')]);
  await forger.end();
  await database.query(`drop role forger_${kind}_${database.name}`);
  if (named(local.received, 'news').length > 0) return 'is delivered';
  return one.errors.some(({ message }) => message.includes('may not publish'))
    ? 'is dropped, and told of'
    : 'is dropped';
});

fault(
  'fetchSockets() beside an instance that stands still',
  'who answers is told, and who does not',
  async (kind) => {
    const [one] = await pair(kind, { channelPrefix: 'socket.io', heartbeatTimeout: 120_000 });
    const child = await startChild(kind, database.url);
    keep(child);
    await vi.waitFor(async () => {
      void one.io.of('/').adapter.init();
      expect(await one.io.of('/').adapter.serverCount()).toBe(3);
    }, 20_000);
    child.process.kill('SIGSTOP');
    try {
      // Long enough for those who are there, on a busy machine too.
      const found = await one.io.timeout(3000).fetchSockets();
      const told = one.errors.some(({ message }) => /incomplete: 1 did not answer/.test(message));
      return found.length === 2 && told
        ? 'who answers is told, and who does not'
        : `${found.length} are found`;
    } catch (error) {
      return `fails, nobody is found (${(error as Error).message})`;
    } finally {
      child.process.kill('SIGCONT');
    }
  },
);

fault('A pooler in transaction mode', 'is refused with a sentence', async (kind) => {
  const proxy: Proxy = await startProxy(database.url, { pooler: true });
  keep({ stop: async () => proxy.close() });
  if (kind === 'stock') {
    const [one, , local, remote] = await pair(kind);
    const behind = await start(kind, { url: proxy.url, adapter: { channelPrefix: `p${pairs}` } });
    const lost = await join(behind);
    one.io.emit('news');
    await Promise.all([local.until('news'), remote.until('news')]);
    behind.io.local.emit('marker');
    await lost.until('marker');
    return named(lost.received, 'news').length + behind.errors.length === 0
      ? 'loses everything without a word'
      : 'works';
  }
  const refused = await start(kind, { url: proxy.url }).catch((error: Error) => error);
  return refused instanceof Error && /pooler in transaction mode/.test(refused.message)
    ? 'is refused with a sentence'
    : 'is not noticed';
});
