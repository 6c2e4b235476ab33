/** Instances that die, and connections that are cut, one after the other. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { Server } from 'socket.io';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createAdapter } from '../../src/adapter/index.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startChild } from './children.js';
import { startProxy } from './proxy.js';
import { joinAs, knows, named, startNode, startNodes, type Client } from './support.js';

let database: TestDatabase;
let opened: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  for (const one of opened) await one.stop();
  opened = [];
});
afterAll(async () => {
  await database.drop();
});

const track = <T extends { stop(): Promise<void> }>(one: T): T => {
  opened.unshift(one);
  return one;
};
const keep = (client: Client): Client => {
  track({ stop: async () => void client.socket.disconnect() });
  return client;
};

async function comeBack(client: Client, url: string): Promise<void> {
  Object.assign(client.socket.io, { uri: url });
  const connected = new Promise<void>((resolve) => client.socket.once('connect', resolve));
  client.socket.connect();
  await connected;
}

it('recovers a session of an instance that was killed', async () => {
  const node = track(await startNode(database.url, { server: { connectionStateRecovery: {} } }));
  const child = track(await startChild('ours', database.url));
  await knows(node.io, 2);
  const client = keep(await joinAs(child.url, { reconnection: false }));
  const { id } = client.socket;
  await child.emit('welcome');
  await client.until('welcome');
  await expect
    .poll(() => database.query(`select 1 from realtime.adapter_sessions where rooms like '%"red"%'`))
    .toHaveLength(1);
  const cut = new Promise((resolve) => client.socket.once('disconnect', resolve));
  child.process.kill('SIGKILL');
  await cut;
  node.io.to('red').emit('news', 1);
  node.io.to('other').emit('news', 2);
  await comeBack(client, node.url);
  expect(client.socket.recovered).toBe(true);
  expect(client.socket.id).toBe(id);
  node.io.to('red').emit('after');
  expect(named(await client.until('after'), 'news')).toEqual([[1]]);
});

it('recovers a session of an instance that was shut down', async () => {
  const [one, two] = await startNodes(database.url, 2, { server: { connectionStateRecovery: {} } });
  if (!one || !two) throw new Error('two nodes');
  track(two);
  const client = keep(await joinAs(one.url, { reconnection: false }));
  one.io.emit('welcome');
  await client.until('welcome');
  const cut = new Promise((resolve) => client.socket.once('disconnect', resolve));
  await one.stop();
  await cut;
  two.io.emit('news', 1);
  await comeBack(client, two.url);
  expect(client.socket.recovered).toBe(true);
  expect(named(await client.until('news'), 'news')).toEqual([[1]]);
});

it('returns the sockets of those who answer when an instance is dead, and says so', async () => {
  const node = track(await startNode(database.url));
  const other = track(await startNode(database.url));
  const child = track(await startChild('ours', database.url));
  await knows(node.io, 3);
  const clients = await Promise.all(
    [node.url, other.url, child.url].map((url) => joinAs(url, { reconnection: false })),
  );
  clients.forEach(keep);
  expect(await node.io.fetchSockets()).toHaveLength(3);
  child.process.kill('SIGKILL');
  await child.ended;
  // Long enough for those who are there, on a busy machine too.
  expect(await node.io.timeout(3000).fetchSockets()).toHaveLength(2);
  expect(node.errors.map(String)).toEqual([
    expect.stringMatching(/fetchSockets is incomplete: 1 did not answer within 3000 ms/),
  ]);
});

it('forgets a dead instance after its heartbeats have been missing', async () => {
  const times = { heartbeatInterval: 100, heartbeatTimeout: 400 };
  const node = track(await startNode(database.url, { adapter: times }));
  const other = track(await startNode(database.url, { adapter: times }));
  const child = track(await startChild('ours', database.url));
  await knows(node.io, 3);
  child.process.kill('SIGKILL');
  await knows(node.io, 2);
  await knows(other.io, 2);
});

it('delivers each message once and in order while connections are cut again and again', async () => {
  const [one, two] = await startNodes(database.url, 2);
  if (!one || !two) throw new Error('two nodes');
  track(one);
  track(two);
  const client = keep(await joinAs(two.url));
  const own = keep(await joinAs(one.url));
  const total = 600;
  for (let i = 0; i < total; i++) {
    one.io.emit('news', i);
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (i % 150 === 75) {
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name like 'hashi-socket %'`,
      );
    }
  }
  one.io.emit('done');
  const numbers = [...Array(total).keys()];
  expect(one.errors.map(String).join()).toMatch(/lost the connection/);
  expect(named(await client.until('done'), 'news').flat()).toEqual(numbers);
  expect(named(await own.until('done'), 'news').flat()).toEqual(numbers);
});

it('sends once what it cannot know to have arrived when its connection is lost', async () => {
  const proxy = await startProxy(database.url);
  const one = track(await startNode(proxy.url, { adapter: { localDeliveryMs: 60_000 } }));
  const two = track(await startNode(database.url));
  await knows(one.io, 2);
  const [own, remote] = [keep(await joinAs(one.url)), keep(await joinAs(two.url))];
  const written = async () =>
    (await database.query("select 1 from realtime.events where data like '%unsure%'")).length;
  // What waits for an answer now is to have it: what follows would wait for that.
  proxy.mute('unsure');
  one.io.emit('news', 'unsure');
  await expect.poll(written).toBe(1);
  proxy.cut();
  one.io.emit('after');
  for (const client of [own, remote])
    expect(named(await client.until('after'), 'news')).toEqual([['unsure']]);
  expect(await written()).toBe(1);
  await one.stop();
  proxy.close();
});

it('passes over what a connection that was given up has written after all', async () => {
  const [one, two] = await startNodes(database.url, 2, { server: { connectionStateRecovery: {} } });
  if (!one || !two) throw new Error('two nodes');
  track(one);
  track(two);
  const client = keep(await joinAs(two.url, { reconnection: false }));
  one.io.emit('news', 'late');
  one.io.emit('welcome');
  await client.until('welcome');
  const cut = new Promise((resolve) =>
    two.io.sockets.sockets.get(client.socket.id ?? '')?.once('disconnect', resolve),
  );
  const again =
    "select realtime.adapter_append(array(select data from realtime.events where data like '%late%' limit 1))";
  await database.query(again);
  one.io.emit('marker');
  await client.until('marker');
  client.socket.io.engine.close();
  await cut;
  await database.query(again);
  one.io.emit('missed');
  await one.io.fetchSockets();
  await two.io.fetchSockets();
  await comeBack(client, two.url);
  expect(client.socket.recovered).toBe(true);
  expect(named(await client.until('missed'), 'news')).toEqual([['late']]);
});

it('serves its own sockets while there has been no database from the start', async () => {
  const url = new URL(database.url);
  url.port = '1';
  const pool = new pg.Pool({ connectionString: url.href });
  const errors: Error[] = [];
  const http = createServer();
  const io = new Server(http, {
    adapter: createAdapter(pool, { errorHandler: (error) => errors.push(error) }),
  });
  track({ stop: () => io.close() });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const client = keep(await joinAs(`http://127.0.0.1:${(http.address() as AddressInfo).port}`));
  io.socketsJoin('red');
  io.to('red').emit('news', 1);
  io.emit('after');
  expect(named(await client.until('after'), 'news')).toEqual([[1]]);
  expect(await io.fetchSockets()).toHaveLength(1);
  expect(errors).not.toEqual([]);
});

it('works among the workers of a cluster, each on its own', async () => {
  const primary = fork(fileURLToPath(new URL('cluster.ts', import.meta.url)), [database.url], {
    execArgv: ['--import', 'tsx'],
  });
  track({
    stop: async () => {
      primary.send('stop');
      await once(primary, 'exit');
    },
  });
  const [{ url }] = (await once(primary, 'message')) as [{ url: string }];
  const clients = await Promise.all([0, 1, 2, 3].map(() => joinAs(url, { reconnection: false })));
  clients.forEach(keep);
  clients[0]?.socket.emit('shout', 'hello');
  for (const client of clients) expect(named(await client.until('news'), 'news')).toEqual([['hello']]);
  const workers = await Promise.all(
    clients.map((client) => client.socket.timeout(20_000).emitWithAck('who') as Promise<number>),
  );
  expect(new Set(workers).size).toBe(2);
  expect(await clients[0]?.socket.timeout(20_000).emitWithAck('count')).toBe(4);
});
