import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { launchBrowser, type TestBrowser } from './browser.js';

let database: TestDatabase;
let server: TestServer;
let browser: TestBrowser;
let page: Page;

/** What a page has seen of one socket. */
interface Seen {
  readonly protocol: string;
  readonly messages: { type: string; data: { type?: string; code?: string } }[];
  readonly close?: { code: number; clean: boolean };
}

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
  browser = await launchBrowser();
  ({ page } = await browser.open());
  // A page of the server's own origin, as the default of ALLOWED_ORIGINS wants it.
  await page.goto(`${server.url}/healthz`);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
  await database.drop();
});

/** Opens a stock WebSocket in the page and keeps what it sees under `name`. */
async function open(name: string, url: string, protocols: string[] = []): Promise<void> {
  await page.evaluate(
    ([name, url, protocols]) => {
      const seen: any = { protocol: '', messages: [] };
      (globalThis as any)[name] = seen;
      const socket = new WebSocket(url, protocols);
      socket.onopen = () => (seen.protocol = socket.protocol);
      socket.onmessage = ({ data }) => seen.messages.push(JSON.parse(String(data)));
      socket.onclose = ({ code, wasClean }) => (seen.close = { code, clean: wasClean });
    },
    [name, url, protocols] as const,
  );
}

/** Resolves with what was seen once the page finds that `until` holds of it. */
async function seen(name: string, until: (seen: Seen) => boolean): Promise<Seen> {
  await page.waitForFunction(`(${until.toString()})(globalThis[${JSON.stringify(name)}])`);
  return page.evaluate((name) => (globalThis as any)[name], name);
}

describe('a browser’s own WebSocket', () => {
  it('is connected and told of changes', async () => {
    await open('told', `${server.wsUrl}/?token=${await server.token('p1')}`);
    await seen('told', ({ messages }) => messages.length === 1);
    await database.query('insert into contracts default values');

    const { messages, close } = await seen('told', ({ messages }) => messages.length === 2);
    expect(messages).toMatchObject([
      { type: 'connected', data: { playerId: 'p1' } },
      { type: 'contract:event', data: { type: 'contract.created' } },
    ]);
    expect(close).toBeUndefined();
  });

  it('can read why a bad token is refused: a message, then close code 4401', async () => {
    await open('refused', `${server.wsUrl}/?token=nonsense`);
    const { messages, close } = await seen('refused', (seen) => seen.close !== undefined);
    expect(messages).toEqual([
      { type: 'error', data: { message: 'Authentication failed', code: 'AUTH_ERROR' } },
    ]);
    expect(close).toEqual({ code: 4401, clean: true });
  });

  it('can keep the token out of the URL by sending it as a subprotocol', async () => {
    await open('subprotocol', `${server.wsUrl}/`, ['hashi', `bearer.${await server.token('p2')}`]);
    const { protocol, messages } = await seen('subprotocol', ({ messages }) => messages.length === 1);
    expect(protocol).toBe('hashi');
    expect(messages).toMatchObject([{ type: 'connected', data: { playerId: 'p2' } }]);
  });

  it('is not needed: Socket.IO by polling can send the token as a header', async () => {
    const token = await server.token('p4');
    const connected = await page.evaluate(
      // As text, so that nothing here takes the import for one of its own.
      `import('/console/socket.io.js').then(({ io }) => new Promise((resolve, reject) => {
        const extraHeaders = { authorization: 'Bearer ${token}' };
        const socket = io(location.origin, { transports: ['polling'], extraHeaders });
        socket.on('connect_error', reject);
        socket.on('connected', (data) => { socket.close(); resolve(data); });
      }))`,
    );
    expect(connected).toMatchObject({ playerId: 'p4' });
  });

  it('is refused when its page is of a foreign origin', async () => {
    const { page: foreign } = await browser.open();
    await foreign.goto('data:text/html,<title>elsewhere</title>');
    const code = await foreign.evaluate(
      (url) =>
        new Promise<number>((resolve) => {
          new WebSocket(url).onclose = ({ code }) => resolve(code);
        }),
      `${server.wsUrl}/?token=${await server.token('p3')}`,
    );
    // The upgrade got HTTP 403, which a page can only see as a connection that failed.
    expect(code).toBe(1006);
  });
});
