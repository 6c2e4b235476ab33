import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { picture } from './browser.js';
import { live, row, short, speak, startConsole, type Console } from './console.js';

let console: Console;

beforeAll(async () => {
  console = await startConsole();
});
afterEach(() => console.browser.closePages());
afterAll(() => console.stop());

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

const protocols = ['raw', 'socketio'] as const;
/** A contract that everybody is told of; resolves with its id as lines show it. */
async function makeContract(): Promise<string> {
  const [{ id }] = await console.database.query('insert into contracts default values returning id');
  return short(id as string);
}

describe('the console', () => {
  it.each(protocols)('shows changes by %s as they are made, and each message whole', async (protocol) => {
    const { page, complaints } = await console.of('p1');
    await speak(page, protocol);
    const [{ id }] = await console.database.query(
      `insert into contracts (stake_amount) values (1000000000000000000) returning id`,
    );
    const created = row(page, 'contract.created').filter({ hasText: short(id as string) });
    await created.locator('summary').click();
    await created.locator('pre', { hasText: '"stakeAmount": "1000000000000000000"' }).waitFor();
    await created.locator('.late', { hasText: / ms$/ }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('asks nobody but its own server for anything', async () => {
    const { page } = await console.browser.open();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).host));
    page.on('websocket', (socket) => asked.push(new URL(socket.url()).host));
    await page.goto(`${console.server.url}/#token=${await console.server.token('p14')}`);
    await live(page);
    await speak(page, 'socketio');
    expect(asked.length).toBeGreaterThan(10);
    expect([...new Set(asked)]).toEqual([new URL(console.server.url).host]);
  });

  it.each(protocols)('has the token in no address: %s', async (protocol) => {
    const token = await console.server.token('p18');
    const { page } = await console.browser.open();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    page.on('websocket', (socket) => asked.push(socket.url()));
    page.on('framenavigated', (frame) => asked.push(frame.url()));
    await page.addInitScript(`sessionStorage.setItem('hashi-console-protocol', '${protocol}')`);
    await page.goto(`${console.server.url}/#token=${token}`);
    await live(page);
    await page.getByRole('button', { name: 'Cut the line' }).click();
    await page.getByRole('button', { name: 'Come back now' }).click();
    await page.getByText('player p18, resumed').waitFor();
    expect(asked.filter((url) => url.startsWith('ws:')).length).toBeGreaterThanOrEqual(2);
    // Where it came from is the one that has it; no server is told what stands behind the #.
    expect(asked.filter((url) => url.includes(token) && !url.includes('/#token='))).toEqual([]);
    expect(page.url()).not.toContain(token);
  });

  it('says what is no token', async () => {
    const { page } = await console.browser.open();
    await page.goto(`${console.server.url}/#token=${encodeURIComponent('not a token')}`);
    await page.locator('#explanation', { hasText: 'This is no token' }).waitFor();
  });

  it('takes the token out of the address bar and keeps it over a reload', async () => {
    const { page } = await console.of('p2');
    expect(page.url()).toBe(`${console.server.url}/`);
    expect(await page.evaluate('history.length')).toBeLessThanOrEqual(2);
    await page.reload();
    await page.getByText('player p2').waitFor();
    expect(page.url()).toBe(`${console.server.url}/`);
  });

  it('filters by type, those to come included', async () => {
    const { page } = await console.of('p3');
    await row(page, 'connected').waitFor();
    await page.getByLabel('Type', { exact: true }).fill('bounty');
    await makeContract();
    await console.database.query(`insert into bounties (title, created_by) values ('Find the bug', 'p3')`);
    await row(page, 'bounty.created').waitFor();
    expect(await page.locator('#messages li:visible .type').allTextContents()).toEqual(['bounty.created']);
    await page.locator('#count', { hasText: '1 shown' }).waitFor();
    await page.getByLabel('Type', { exact: true }).fill('');
    await row(page, 'contract.created').waitFor();
  });

  it('filters by lobby and player together', async () => {
    const { database } = console;
    const id = await console.makeLobby('WORDS1', 'p9');
    const { page } = await console.of('p9');
    await row(page, 'connected').waitFor();
    await page.locator('#filter-lobby').fill('words1');
    await page.locator('#filter-player').fill('p10');
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
    const { page } = await console.of('p12', { permissions: ['clipboard-read', 'clipboard-write'] });
    await row(page, 'connected').locator('summary').click();
    await page.locator('#messages').getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(JSON.parse(copied)).toMatchObject({ type: 'connected', data: { playerId: 'p12' } });
  });

  it('holds messages while it is paused, and shows them afterwards', async () => {
    const { page } = await console.of('p4');
    await row(page, 'connected').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await makeContract();
    const fresh = page.getByRole('button', { name: /^\d new$/ });
    await fresh.waitFor();
    expect(await row(page, 'contract.created').count()).toBe(0);
    await page.getByRole('button', { name: 'Go on' }).click();
    await row(page, 'contract.created').waitFor();
    expect(await fresh.isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Pause' }).click();
    const id = await makeContract();
    await fresh.click();
    await row(page, 'contract.created').filter({ hasText: id }).waitFor();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
  });

  it('keeps the newest 500 of many, and goes on', async () => {
    const { page } = await console.of('p16');
    await row(page, 'connected').waitFor();
    await console.database.query('insert into contracts select from generate_series(1, 2000)');
    const newest = await makeContract();
    await row(page, 'contract.created').filter({ hasText: newest }).waitFor({ timeout: 80_000 });
    await page.locator('#count', { hasText: /^[2-9]\d{3} messages, 500 shown$/ }).waitFor();
    expect(await page.locator('#messages li').count()).toBe(500);
    // Nor do the cards of what was created grow without end.
    expect(await page.locator('.card').count()).toBeLessThanOrEqual(100);
  }, 90_000);

  it.each(protocols)(
    'subscribes by %s to a public lobby, and shows why another is refused',
    async (protocol) => {
      const code = `OPEN${protocol.toUpperCase()}`;
      const id = await console.makeLobby(code, 'host');
      const { database } = console;
      await database.query(`update lobbies set visibility = 'public' where id = $1`, [id]);
      const { page } = await console.of('p5');
      await speak(page, protocol);
      const lobby = page.getByLabel('UUID or code');
      const join = (player: string) =>
        database.query(`insert into lobby_participants (lobby_id, player_id) values ($1, $2)`, [id, player]);
      await lobby.fill('NOSUCH');
      await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
      await row(page, 'error').filter({ hasText: 'SUBSCRIBE_DENIED' }).waitFor();
      await lobby.fill(code);
      await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
      await row(page, 'ack').waitFor();
      await join('in-time');
      await row(page, 'lobby.joined').filter({ hasText: 'in-time' }).waitFor();

      await page.getByRole('button', { name: 'Unsubscribe' }).click();
      await row(page, 'ack').nth(1).waitFor();
      await join('too-late');
      const marker = await makeContract();
      await row(page, 'contract.created').filter({ hasText: marker }).waitFor();
      expect(await row(page, 'lobby.joined').filter({ hasText: 'too-late' }).count()).toBe(0);
    },
  );

  it.each(protocols)('pings by %s, and shows how long it took', async (protocol) => {
    const { page } = await console.of('p15');
    await speak(page, protocol);
    await page.getByRole('button', { name: 'Ping' }).click();
    await row(page, 'pong').waitFor();
    await page.locator('#rtt', { hasText: /^[\d.]+ ms$/ }).waitFor();
    await page
      .locator('#chart-rtt svg[aria-label*="now "][aria-label*=" ms"] path')
      .waitFor({ state: 'attached' });
  });

  it.each(protocols)('explains a close code in words: %s', async (protocol) => {
    const { page } = await console.browser.open();
    await page.addInitScript(`sessionStorage.setItem('hashi-console-protocol', '${protocol}')`);
    await page.goto(`${console.server.url}/#token=nonsense`);
    await page.locator('#explanation', { hasText: '4401: The token was refused' }).waitFor();
    expect(await page.locator('#state').getAttribute('data-state')).toBe('closed');
    await row(page, 'error').filter({ hasText: 'AUTH_ERROR' }).waitFor();
    await picture(page, 'console-refused');
  });

  it.each(protocols)('cuts its own %s connection on request, and shows what it missed', async (protocol) => {
    const { page } = await console.of('p13');
    await speak(page, protocol);
    await page.getByRole('button', { name: 'Cut the line' }).click();
    await page.locator('#explanation', { hasText: '4000: Cut by this page' }).waitFor();
    const id = await makeContract();
    expect(await row(page, 'contract.created').filter({ hasText: id }).count()).toBe(0);
    await page.getByRole('button', { name: 'Come back now' }).click();
    const missed = row(page, 'contract.created').filter({ hasText: id });
    await missed.locator('.tag', { hasText: 'replayed' }).waitFor();
    await page.locator('#resumed', { hasText: /^Away for [\d.]+ s, 1 event replayed\.$/ }).waitFor();
    await page.getByText('player p13, resumed').waitFor();

    const after = await makeContract();
    await row(page, 'contract.created').filter({ hasText: after }).locator('.late').waitFor();
    expect(await missed.count()).toBe(1);
  });

  it.each(protocols)(
    'shows what was missed when a lost %s connection comes back by itself',
    async (protocol) => {
      const line = await cuttable(new URL(console.server.url));
      const { page } = await console.browser.open();
      await page.goto(`${line.url}/#token=${await console.server.token('p8')}`);
      await live(page);
      await speak(page, protocol);

      line.cut();
      await page.locator('#explanation', { hasText: '1006: The connection was lost' }).waitFor();
      const id = await makeContract();
      line.mend();

      await row(page, 'contract.created').filter({ hasText: id }).waitFor();
      await page.getByText('player p8, resumed').waitFor();
      await page.close();
      await line.close();
    },
  );

  it('can be used by keyboard alone', async () => {
    const { page } = await console.of('p7');
    await row(page, 'connected').waitFor();
    await page.locator('h1').click();
    await page.keyboard.press('p');
    await page.locator('#pause[aria-pressed="true"]').waitFor();
    await page.keyboard.press('p');
    await page.keyboard.press('/');
    await page.keyboard.type('conn');
    await page.locator('#count', { hasText: '1 shown' }).waitFor();
    // Typing is no shortcut.
    expect(await page.locator('#pause').getAttribute('aria-pressed')).toBe('false');
    await page.locator('h1').click();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.locator('pre', { hasText: '"playerId": "p7"' }).waitFor();
    const outline = await page.evaluate(`getComputedStyle(document.activeElement).outlineStyle`);
    expect(outline).toBe('solid');

    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await page.getByLabel('Single keys do this').uncheck();
    await page.keyboard.press('Escape');
    await page.keyboard.press('p');
    await page.keyboard.press('Shift+Tab');
    expect(await page.locator('#pause').getAttribute('aria-pressed')).toBe('false');
  });
});
