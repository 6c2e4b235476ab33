import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { launchBrowser, picture, type TestBrowser } from './browser.js';

let database: TestDatabase;
let server: TestServer;
let browser: TestBrowser;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  await server.stop();
  await database.drop();
});

/** The console of a player, live. */
async function consoleOf(playerId: string, options: Parameters<TestBrowser['open']>[0] = {}) {
  const opened = await browser.open(options);
  await opened.page.goto(`${server.url}/#token=${await server.token(playerId)}`);
  await opened.page.locator('#state[data-state="open"]').waitFor();
  return opened;
}

const row = (page: Page, type: string) =>
  page.locator('#messages li:visible').filter({ has: page.locator('.type', { hasText: type }) });

async function makeLobby(code: string, playerId: string): Promise<string> {
  const [lobby] = await database.query(
    'insert into lobbies (code, name, host_id) values ($1, $2, $3) returning id',
    [code, `Lobby ${code}`, playerId],
  );
  await database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [
    lobby.id,
    playerId,
  ]);
  return lobby.id as string;
}

/** A way to the server that can be cut and mended. */
async function cuttable({ hostname, port }: URL) {
  const open = new Set<Socket>();
  let whole = true;
  const proxy = createServer((client) => {
    if (!whole) return void client.destroy();
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => open.delete(from));
      from.pipe(to);
    }
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const cut = () => {
    whole = false;
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    cut,
    mend: () => void (whole = true),
    async close() {
      cut();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

describe('the console', () => {
  it('shows changes as they are made, and each message whole when it is opened', async () => {
    const { page, complaints } = await consoleOf('p1');
    const [{ id }] = (await database.query(
      `insert into contracts (stake_amount) values (1000000000000000000) returning id`,
    )) as [{ id: string }];
    const created = row(page, 'contract.created');
    await created.filter({ hasText: id }).waitFor();
    await created.locator('summary').click();
    await created.locator('pre', { hasText: '"stakeAmount": "1000000000000000000"' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('takes the token out of the address bar and keeps it over a reload', async () => {
    const { page } = await consoleOf('p2');
    expect(page.url()).toBe(`${server.url}/`);
    expect(await page.evaluate('history.length')).toBeLessThanOrEqual(2);
    await page.reload();
    await page.getByText('player p2').waitFor();
    expect(page.url()).toBe(`${server.url}/`);
  });

  it('filters by type, those to come included', async () => {
    const { page } = await consoleOf('p3');
    await row(page, 'connected').waitFor();
    await page.getByRole('combobox').fill('bounty');
    await database.query('insert into contracts default values');
    await database.query(`insert into bounties (title, created_by) values ('Find the bug', 'p3')`);
    await row(page, 'bounty.created').waitFor();
    expect(await page.locator('#messages li:visible .type').allTextContents()).toEqual(['bounty.created']);
    await page.locator('#count', { hasText: '1 shown' }).waitFor();
    await page.getByRole('combobox').fill('');
    await row(page, 'contract.created').waitFor();
  });

  it('filters by lobby and player, all words together', async () => {
    const id = await makeLobby('WORDS1', 'p9');
    const { page } = await consoleOf('p9');
    await row(page, 'connected').waitFor();
    await page.getByRole('combobox').fill('words1 p10');
    for (const player of ['p10', 'p11']) {
      await database.query('insert into lobby_participants (lobby_id, player_id) values ($1, $2)', [
        id,
        player,
      ]);
    }
    await database.query(`delete from lobby_participants where lobby_id = $1 and player_id = 'p10'`, [id]);
    await row(page, 'lobby.left').waitFor();
    expect(await page.locator('#messages li:visible .type').allTextContents()).toEqual([
      'lobby.left',
      'lobby.joined',
    ]);
  });

  it('copies a message as JSON', async () => {
    const { page } = await consoleOf('p12', { permissions: ['clipboard-read', 'clipboard-write'] });
    await row(page, 'connected').locator('summary').click();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(JSON.parse(copied)).toMatchObject({ type: 'connected', data: { playerId: 'p12' } });
  });

  it('holds messages while it is paused, and shows them afterwards', async () => {
    const { page } = await consoleOf('p4');
    await row(page, 'connected').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await database.query('insert into contracts default values');
    await page.locator('#count', { hasText: /[12] held/ }).waitFor();
    expect(await row(page, 'contract.created').count()).toBe(0);
    await page.getByRole('button', { name: 'Resume' }).click();
    await row(page, 'contract.created').waitFor();
  });

  it('subscribes to a public lobby, and shows why another is refused', async () => {
    const id = await makeLobby('OPEN01', 'host');
    await database.query(`update lobbies set visibility = 'public' where id = $1`, [id]);
    const { page } = await consoleOf('p5');
    const lobby = page.getByLabel('Lobby, UUID or code');
    await lobby.fill('NOSUCH');
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await row(page, 'error').filter({ hasText: 'SUBSCRIBE_DENIED' }).waitFor();
    await lobby.fill('OPEN01');
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await row(page, 'ack').waitFor();
    await database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, 'p6')`, [id]);
    await row(page, 'lobby.joined').waitFor();
  });

  it('explains a close code in words', async () => {
    const { page } = await browser.open();
    await page.goto(`${server.url}/#token=nonsense`);
    await page.locator('#state[data-state="closed"]').waitFor();
    expect(await page.locator('#explanation').textContent()).toContain('4401: The token was refused');
    await row(page, 'error').filter({ hasText: 'AUTH_ERROR' }).waitFor();
    await picture(page, 'console-refused');
  });

  it('can be used by keyboard alone', async () => {
    const { page } = await consoleOf('p7');
    await row(page, 'connected').waitFor();
    await page.locator('h1').click();
    await page.keyboard.press('p');
    await page.locator('#pause[aria-pressed="true"]').waitFor();
    await page.keyboard.press('p');
    await page.keyboard.press('/');
    await page.keyboard.type('conn');
    await page.locator('#count', { hasText: '1 shown' }).waitFor();
    await row(page, 'connected').locator('summary').focus();
    await page.keyboard.press('Enter');
    await page.locator('pre', { hasText: '"playerId": "p7"' }).waitFor();
  });

  it('cuts its own connection on request, and shows what it missed', async () => {
    const { page } = await consoleOf('p13');
    await page.getByRole('button', { name: 'Cut the connection' }).click();
    await page.locator('#state[data-state="waiting"]').waitFor();
    expect(await page.locator('#explanation').textContent()).toContain('4000: Cut by this page');
    const [{ id }] = (await database.query('insert into contracts default values returning id')) as [
      { id: string },
    ];
    await row(page, 'contract.created').filter({ hasText: id }).waitFor();
    await page.getByText('player p13, resumed').waitFor();
  });

  it('shows what was missed when the connection comes back', async () => {
    const line = await cuttable(new URL(server.url));
    const { page } = await browser.open();
    await page.goto(`${line.url}/#token=${await server.token('p8')}`);
    await page.locator('#state[data-state="open"]').waitFor();

    line.cut();
    await page.locator('#state[data-state="waiting"]').waitFor();
    expect(await page.locator('#explanation').textContent()).toContain('1006: The connection was lost');
    const [{ id }] = (await database.query('insert into contracts default values returning id')) as [
      { id: string },
    ];
    line.mend();

    await row(page, 'contract.created').filter({ hasText: id }).waitFor();
    await page.getByText('player p8, resumed').waitFor();
    await page.close();
    await line.close();
  });

  it.each([
    ['light', { colorScheme: 'light', viewport: { width: 1280, height: 800 } }],
    ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 800 } }],
    [
      'phone',
      { colorScheme: 'light', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
    ],
  ] as const)('fits on the screen: %s', async (name, options) => {
    await makeLobby(`SEE${name.toUpperCase()}`, `viewer-${name}`);
    const { page, complaints } = await consoleOf(`viewer-${name}`, options);
    await page.getByText(`in SEE${name.toUpperCase()}`).waitFor();
    await database.query('insert into contracts (stake_amount) values (5000000000000000000)');
    await database.query(`insert into bounties (title, created_by) values ('Find the bug', 'p1')`);
    await row(page, 'bounty.created').first().waitFor();
    await row(page, 'contract.created').first().locator('summary').click();
    await page.locator('pre').first().waitFor();
    await picture(page, `console-${name}`);
    const overflow = await page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(overflow).toBe(0);
    expect(complaints).toEqual([]);
  });
});
