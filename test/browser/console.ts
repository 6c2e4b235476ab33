/** The console in a real Chromium, for the tests of its parts. */
import type { Page } from 'playwright-core';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { launchBrowser, type TestBrowser } from './browser.js';

export type OpenOptions = Parameters<TestBrowser['open']>[0];

export interface Console {
  readonly database: TestDatabase;
  readonly server: TestServer;
  readonly browser: TestBrowser;
  /** The page of a player, live. */
  of(playerId: string, options?: OpenOptions): Promise<{ page: Page; complaints: string[] }>;
  /** A lobby with its host in it; resolves with its id. */
  makeLobby(code: string, playerId: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startConsole(): Promise<Console> {
  const database = await createDatabase();
  const [server, browser] = await Promise.all([startServer(database.url), launchBrowser()]);
  return {
    database,
    server,
    browser,
    async of(playerId, options = {}) {
      const opened = await browser.open(options);
      await opened.page.goto(`${server.url}/#token=${await server.token(playerId)}`);
      await live(opened.page);
      return opened;
    },
    async makeLobby(code, playerId) {
      const [{ id }] = await database.query(
        'insert into lobbies (code, name, host_id) values ($1, $2, $3) returning id',
        [code, `Lobby ${code}`, playerId],
      );
      await database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [
        id,
        playerId,
      ]);
      return id as string;
    },
    async stop() {
      await browser.close();
      await server.stop();
      await database.drop();
    },
  };
}

export const live = (page: Page) => page.locator('#state[data-state="open"]').waitFor();

/** The lines of a type that are shown. */
export const row = (page: Page, type: string) =>
  page.locator('#messages li:visible').filter({ has: page.locator('.type', { hasText: type }) });

/** As a line shows an id. */
export const short = (id: string) => id.slice(0, 8);

export async function speak(page: Page, protocol: 'raw' | 'socketio'): Promise<void> {
  if (protocol === 'raw') return;
  await page.locator('label', { hasText: 'Socket.IO' }).click();
  // Greeted by the one, and now by the other.
  await row(page, 'connected').nth(1).waitFor();
  await live(page);
}
