import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleClient } from '../support/bundle.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { launchBrowser, type TestBrowser } from './browser.js';

let database: TestDatabase;
let server: TestServer;
let site: Server;
let origin: string;
let browser: TestBrowser;

beforeAll(async () => {
  const client = (await bundleClient()).text;
  const html = await readFile('examples/browser/index.html', 'utf8');
  site = createServer((request, response) => {
    const script = request.url === '/hashi-client.js';
    response.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
    response.end(script ? client : html);
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  database = await createDatabase();
  server = await startServer(database.url, { ALLOWED_ORIGINS: origin });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await server.stop();
  await database.drop();
  await new Promise((resolve) => site.close(resolve));
});

it('shows events as they come, and those of the time it was closed when it is opened again', async () => {
  const { page } = await browser.open();
  const visit = async () => {
    await page.goto(origin);
    await page.getByLabel('Server').fill(server.wsUrl);
    await page.getByLabel('Token').fill(await server.token('visitor'));
    await page.getByRole('button').click();
    await page.getByRole('status').getByText('open', { exact: true }).waitFor();
  };
  await visit();
  await database.query('insert into contracts default values');
  await page.getByRole('listitem').filter({ hasText: 'contract.created' }).waitFor();

  await page.goto('about:blank');
  await database.query(`insert into lobbies (code, host_id) values ('AWAY', 'visitor')`);
  await visit();
  await page.getByRole('listitem').filter({ hasText: 'lobby.created' }).waitFor();
  expect(await page.getByRole('listitem').count()).toBe(1);
});

it('has hooks for React that an application can bundle', async () => {
  const { inputs } = await bundleClient({
    entryPoints: ['examples/react/use-hashi.ts'],
    external: ['react'],
    alias: { 'hashi-socket/client': './src/client/index.ts' },
  });
  expect(inputs).toContain('src/client/index.ts');
});
