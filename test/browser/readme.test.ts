/** The ten lines of the README, as they stand there, in a real page of an application's own. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleClient } from '../support/bundle.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { block, root } from '../support/readme.js';
import { startProxy, type TcpProxy } from '../support/proxy.js';
import { startServer, type TestServer } from '../support/server.js';
import { launchBrowser, type TestBrowser } from './browser.js';

let database: TestDatabase;
let server: TestServer;
let proxy: TcpProxy;
let site: Server;
let origin: string;
let browser: TestBrowser;
let script = '';

beforeAll(async () => {
  // The application's backend: its page, its script, and a token for whoever is signed in.
  site = createServer((request, response) => {
    const answer = async () => {
      if (request.url === '/token') return void response.end(await server.token('visitor'));
      const isScript = request.url === '/app.js';
      response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : '<!doctype html><script type="module" src="/app.js"></script>');
    };
    answer().catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  database = await createDatabase();
  server = await startServer(database.url, { ALLOWED_ORIGINS: origin });
  proxy = await startProxy(server.url);
  browser = await launchBrowser();
  const address = new URL(proxy.through(server.wsUrl)).host;
  const contents = block('js', 'hashi-socket/client').replace('127.0.0.1:3000', address);
  ({ text: script } = await bundleClient({
    entryPoints: undefined,
    stdin: { contents, resolveDir: root },
    alias: { 'hashi-socket/client': './src/client/index.ts' },
  }));
});
afterAll(async () => {
  await browser.close();
  await proxy.stop();
  await server.stop();
  await database.drop();
  await new Promise((resolve) => site.close(resolve));
});

it("follows the player's lobbies and every contract, through a lost connection", async () => {
  const [{ id: lobby }] = await database.query(`insert into lobbies (code) values ('ABC123') returning id`);
  const join = (player: string) =>
    database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [lobby, player]);
  await join('visitor');
  const { page, complaints } = await browser.open();
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  page.on('console', (message) => {
    lines.push(message.text());
    for (const look of waiting) look();
  });
  const printed = (text: string, times = 1) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (lines.filter((line) => line === text).length < times) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const urls: string[] = [];
  page.on('websocket', (socket) => urls.push(socket.url()));
  await page.goto(origin);
  await printed('open');
  await join('alice');
  await printed('alice is here');

  proxy.cut();
  await join('bob');
  const [{ id: contract }] = await database.query(`insert into contracts default values returning id`);
  await database.query(`update contracts set status = 'initialized' where id = $1`, [contract]);
  await printed(`${contract} can begin`);
  await printed('open', 2);
  await join('carol');
  await printed('carol is here');
  expect(lines.filter((line) => /is here|can begin/.test(line))).toEqual([
    'alice is here',
    'bob is here',
    `${contract} can begin`,
    'carol is here',
  ]);
  expect(lines.filter((line) => line.startsWith('contract.'))).toHaveLength(2);
  expect(lines).not.toContain('away for too long: read the state again');
  // Neither the page's address nor the connections' have the token.
  for (const url of [page.url(), ...urls]) expect(url).not.toMatch(/[\w-]+\.[\w-]+\.[\w-]{20}/);
  expect(urls.length).toBeGreaterThan(1);
  expect(complaints.filter((text) => !text.includes('WebSocket'))).toEqual([]);
});
