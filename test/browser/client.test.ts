import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleClient } from '../support/bundle.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';
import { launchBrowser, type TestBrowser } from './browser.js';

let database: TestDatabase;
let server: TestServer;
let proxy: TcpProxy;
let browser: TestBrowser;
let page: Page;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
  proxy = await startProxy(server.url);
  browser = await launchBrowser();
  ({ page } = await browser.open());
  // A page of the proxy's origin, which is the server's own to the server.
  await page.goto(`${proxy.through(server.url)}/healthz`);
  const { text } = await bundleClient({ format: 'iife', globalName: 'hashi' });
  await page.evaluate(`${text}; globalThis.hashi = hashi;`);
});
afterAll(async () => {
  await browser.close();
  await proxy.stop();
  await server.stop();
  await database.drop();
});

const holds = (expression: string) => page.waitForFunction(expression);
const insertContract = async (): Promise<string> =>
  (await database.query('insert into contracts default values returning id'))[0].id;

it('gives every event once and in order in a browser whose connection is cut', async () => {
  const token = await server.token('browser');
  await page.evaluate(
    ([url, token]) => {
      const page = globalThis as any;
      page.seen = [];
      page.opened = 0;
      const client = page.hashi.connect({ url, token: () => token, backoff: { minMs: 5, maxMs: 100 } });
      client.on('contract.created', (event: any) => page.seen.push(event.contractId));
      client.on('gap', () => page.seen.push('gap'));
      client.on('connected', () => page.opened++);
      page.client = client;
    },
    [proxy.through(server.wsUrl), token] as const,
  );
  await holds('opened === 1');
  const written: string[] = [];
  for (let round = 2; round <= 5; round++) {
    written.push(await insertContract());
    proxy.cut();
    written.push(await insertContract());
    await holds(`opened === ${round}`);
  }
  await holds(`seen.length >= ${written.length}`);
  expect(await page.evaluate('seen')).toEqual(written);
  expect(await page.evaluate('client.ping()')).toBeGreaterThan(0);
  await page.evaluate('client.close()');
  expect(await page.evaluate('client.state')).toBe('closed');
});

it('comes back at once when the browser is online again', async () => {
  const { page } = await browser.open();
  await page.goto(`${proxy.through(server.url)}/healthz`);
  const { text } = await bundleClient({ format: 'iife', globalName: 'hashi' });
  await page.evaluate(`${text}; globalThis.hashi = hashi;`);
  await page.evaluate(
    ([url, token]) => {
      const page = globalThis as any;
      page.states = [];
      const hour = { minMs: 3_600_000, maxMs: 3_600_000 };
      const client = page.hashi.connect({ url, token: () => token, backoff: hour });
      client.on('state', ({ state }: any) => page.states.push(state));
    },
    [proxy.through(server.wsUrl), await server.token('online')] as const,
  );
  await page.waitForFunction(`states.at(-1) === 'open'`);
  await page.context().setOffline(true);
  proxy.cut();
  await page.waitForFunction(`states.at(-1) === 'reconnecting'`);
  await page.context().setOffline(false);
  await page.waitForFunction(`states.at(-1) === 'open'`);
});
