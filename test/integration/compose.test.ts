/** What compose.yaml puts together, without its containers: Postgres, two instances, and nginx before them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import WebSocket from 'ws';
import { connect } from '../../src/client/index.js';
import { ioClient, rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { createFleet, type Fleet, type Instance } from '../support/instances.js';
import { startNginx, type Nginx } from '../support/nginx.js';

let database: TestDatabase;
let fleet: Fleet;
let instances: Instance[];
let proxy: Nginx;

beforeAll(async () => {
  database = await createDatabase();
  fleet = await createFleet(database.url, { HASHI_TRUSTED_PROXIES: '1' });
  const [one, two] = await Promise.all([fleet.start(), fleet.start()]);
  instances = [one, two];
  proxy = await startNginx([new URL(one.url).host, new URL(two.url).host]);
});
afterAll(async () => {
  await fleet.stop();
  await proxy.stop();
  await database.drop();
});

const insert = async (): Promise<string> =>
  (await database.query('insert into contracts default values returning id'))[0].id;

it('serves raw clients, and Socket.IO by websocket and by polling', async () => {
  const clients = [
    rawClient(proxy, await fleet.token('raw')),
    ioClient(proxy, await fleet.token('websocket')),
    ioClient(proxy, await fleet.token('polling'), { transports: ['polling'] }),
  ];
  await Promise.all(clients.map((client) => client.next('connected')));
  const id = await insert();
  for (const client of clients) {
    expect(await client.next('contract:event')).toMatchObject({ data: { contractId: id } });
    client.close();
  }
});

it('keeps the metrics inside, and serves the pages', async () => {
  expect((await fetch(`${proxy.url}/metrics`)).status).toBe(404);
  expect((await fetch(`${proxy.url}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${proxy.url}/docs`)).text()).toContain('The protocol');
});

it('loses nothing for anybody while one instance after the other is drained and replaced', async () => {
  const seen = new Map<string, string[]>([
    ['client', []],
    ['websocket', []],
    ['polling', []],
  ]);
  const token = await fleet.token('raw');
  const client = connect({
    url: proxy.wsUrl,
    token: () => token,
    WebSocket,
    backoff: { minMs: 20, maxMs: 200 },
    onerror: () => undefined,
  });
  client.on('contract.created', ({ contractId }) => seen.get('client')?.push(contractId));
  const gaps: string[] = [];
  client.on('gap', ({ code }) => gaps.push(code));
  const opened = new Promise((resolve) => client.on('connected', resolve));
  const sockets = await Promise.all(
    (['websocket', 'polling'] as const).map(async (transport) => {
      const one = ioClient(proxy, await fleet.token(transport), { transports: [transport] });
      one.socket.on('contract:event', ({ contractId }: { contractId: string }) =>
        seen.get(transport)?.push(contractId),
      );
      await one.next('connected');
      return one;
    }),
  );
  await opened;

  const written: string[] = [];
  for (const instance of instances) {
    written.push(await insert());
    instance.child.signal('SIGTERM');
    written.push(await insert());
    expect(await instance.child.exited).toBe(0);
    written.push(await insert());
    // The newcomer listens where the old one did: nginx knows its address.
    await fleet.start({ PORT: new URL(instance.url).port });
  }
  const last = await insert();
  written.push(last);
  for (const [who, ids] of seen) {
    await expect.poll(() => ids.at(-1), { timeout: 60_000, message: who }).toBe(last);
    expect(ids, who).toEqual(written);
  }
  expect(gaps).toEqual([]);
  client.close();
  for (const { socket } of sockets) socket.close();
}, 120_000);
