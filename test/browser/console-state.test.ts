import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { picture } from './browser.js';
import { tooFaint } from './contrast.js';
import { live, row, short, startConsole, type Console, type OpenOptions } from './console.js';

let console: Console;

beforeAll(async () => {
  console = await startConsole();
});
afterEach(() => console.browser.closePages());
afterAll(() => console.stop());

const wide: OpenOptions = { viewport: { width: 1440, height: 900 } };
const card = (page: Page, kind: string, title: string) =>
  page.locator(`.card.${kind}`, { has: page.locator('h3', { hasText: title }) });

/** Makes a sample change by the page, and waits until the page says so. */
async function run(page: Page, name: string): Promise<void> {
  await page.locator('#sample').selectOption(name);
  const title = await page.locator('#sample option:checked').textContent();
  await page.getByRole('button', { name: 'Run this SQL' }).click();
  await page.locator('#development-result', { hasText: `${title}: ` }).waitFor();
}

/** As a developer meets it: the samples of a lobby's life, up to the contract's contest. */
async function liveThrough(page: Page): Promise<void> {
  await page.locator('#sample option').first().waitFor({ state: 'attached' });
  const life = ['lobby', 'join', 'guest', 'contract', 'initializing', 'initialized', 'pay', 'attest'];
  for (const name of [...life, 'file', 'bounty', 'contest']) await run(page, name);
}

describe('the state in the console', () => {
  it('follows events, and marks what the newest one has changed', async () => {
    const { page, complaints } = await console.of('ann', wide);
    const { database } = console;
    const id = await console.makeLobby('STATE1', 'ann');
    const lobby = card(page, 'lobby', 'Lobby STATE1');
    await lobby.locator('.people .changed', { hasText: 'ann' }).waitFor();
    await page.getByText('in STATE1').waitFor();

    const [{ contract }] = await database.query(
      `insert into contracts (lobby_id, stake_amount) values ($1, 2500) returning id as contract`,
      [id],
    );
    const inside = lobby.locator('.card.contract');
    await inside.filter({ hasText: 'stake 2 500' }).waitFor();
    await database.query(
      `insert into contract_players (contract_id, player_id, funded_at) values ($1, 'ann', now())`,
      [contract],
    );
    await inside.locator('tr.changed', { hasText: '✓ paid' }).waitFor();
    await database.query(
      `update contracts set status = 'initialized', initialized_at = now() where id = $1`,
      [contract],
    );
    await inside.locator('.status.changed', { hasText: 'initialized' }).waitFor();
    await inside.locator('.progress .taken.changed', { hasText: 'ready' }).waitFor();
    // What changed before is marked no longer.
    expect(await inside.locator('tr.changed').count()).toBe(0);

    await database.query('update contracts set deleted_at = now() where id = $1', [contract]);
    await lobby.locator('.card.contract.gone').waitFor();
    await database.query('delete from lobby_participants where lobby_id = $1', [id]);
    await page.locator('.card.lobby.gone .status', { hasText: 'left' }).waitFor();
    await page.getByText('in no lobby').waitFor();
    expect(complaints).toEqual([]);
  });

  it('draws rates, latencies and round trips as they come', async () => {
    const { page } = await console.of('drawn', wide);
    await console.database.query('insert into contracts select from generate_series(1, 7)');
    await page.locator('#chart-events rect').first().waitFor();
    await page.locator('#chart-events .note', { hasText: '7 in a minute' }).waitFor();
    await page.locator('#chart-latency .value', { hasText: /^[\d.]+ ms$/ }).waitFor();
    const label = await page.locator('#chart-latency svg').getAttribute('aria-label');
    expect(label).toMatch(/^Latency: now [\d.]+ ms, at most [\d.]+ ms in the last minute$/);
  });
});

describe('the console in development', () => {
  it('takes the part of a player with a token of its own', async () => {
    const { page } = await console.browser.open(wide);
    await page.goto(console.server.url);
    await page.getByLabel('Play as').fill(`zoë o'neil`);
    await page.keyboard.press('Enter');
    await live(page);
    await page.getByText(`player zoë o'neil`).waitFor();
    expect(page.url()).toBe(`${console.server.url}/`);
  });

  it('shows the SQL of a change, makes it, and has the next one at hand', async () => {
    const { page } = await console.of('bob', wide);
    await page.locator('#sample-sql', { hasText: `'Sample', 'bob', 'public'` }).waitFor();
    await run(page, 'lobby');
    await row(page, 'lobby.created').waitFor();
    expect(await page.locator('#sample').inputValue()).toBe('join');
    const id = await page.locator('#sample-lobby').inputValue();
    expect(await page.locator('#sample-sql').textContent()).toContain(`values ('${id}', 'bob')`);
    await run(page, 'join');
    await row(page, 'lobby.joined').waitFor();
    await run(page, 'clean');
    await row(page, 'lobby.deleted').waitFor();
  });

  it('says in words what could not be done', async () => {
    const { page } = await console.of('bob', wide);
    await page.locator('#sample').selectOption('join');
    await page.getByRole('button', { name: 'Run this SQL' }).click();
    await page
      .locator('#development-result[data-kind="bad"]', { hasText: 'This sample needs a lobby.' })
      .waitFor();
  });

  it('runs the demo and stops it, with nothing left of it', async () => {
    const { page } = await console.of('player-1', wide);
    await page.getByRole('button', { name: 'Run the demo' }).click();
    await row(page, 'lobby.created').filter({ hasText: 'DEMO' }).first().waitFor();
    await page.getByRole('button', { name: 'Stop the demo' }).click();
    await page.locator('#development-result', { hasText: 'The demo has stopped' }).waitFor();
    expect(await console.database.query(`select from lobbies where code like 'DEMO%'`)).toEqual([]);
    const writers = await console.database.query(
      `select from pg_stat_activity where datname = current_database() and application_name = 'demo service'`,
    );
    expect(writers).toEqual([]);
  });
});

describe('the console on a screen', () => {
  const light = { colorScheme: 'light', viewport: { width: 1440, height: 900 } } as const;
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true } as const;

  it.each([
    ['light', light],
    ['dark', { ...light, colorScheme: 'dark' }],
    ['tablet', { colorScheme: 'light', viewport: { width: 1024, height: 768 } }],
    ['phone', { ...phone, colorScheme: 'light' }],
    ['phone-dark', { ...phone, colorScheme: 'dark' }],
  ] as const)('fits, and shows every part: %s', async (name, options) => {
    const { page, complaints } = await console.of(`viewer-${name}`, options);
    const tab = (view: string) => page.getByRole('tab', { name: view });
    const parts = { Messages: '#messages-view', State: '#state-view', Tools: '#tools-view' };
    const fits = async (part: string) => {
      await page.evaluate('scrollTo(0, 0)');
      await picture(page, `console-${name}${part}`);
      const overflow = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      expect(overflow, part).toBe(0);
      expect(await tooFaint(page), part).toEqual([]);
    };
    if (name.startsWith('phone')) await tab('Tools').click();
    await liveThrough(page);
    if (name.startsWith('phone')) await tab('Messages').click();
    await row(page, 'contract.decision_contested').first().waitFor();
    await row(page, 'contract.payment_transferred').first().locator('summary').click();
    await page.locator('pre.json').first().waitFor();
    for (const [view, part] of Object.entries(parts)) {
      if (await tab(view).isVisible()) await tab(view).click();
      await page.locator(part).waitFor();
      if (view === 'Messages' || (await tab(view).isVisible()))
        await fits(view === 'Messages' ? '' : `-${view}`);
    }
    await console.database.query(`delete from bounties`);
    expect(complaints).toEqual([]);
  });

  it.each([
    ['wide', { viewport: { width: 1440, height: 500 } }],
    ['phone', { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true }],
  ] as const)(
    'says how many came while somebody has scrolled away, and goes there: %s',
    async (name, size) => {
      const { page } = await console.of('p17', size);
      if (name === 'phone') await page.getByRole('tab', { name: 'Messages' }).click();
      await console.database.query('insert into contracts select from generate_series(1, 60)');
      await page.locator('#messages li').nth(60).waitFor();
      const fresh = page.getByRole('button', { name: '2 new' });
      await page.locator('#messages li').nth(50).scrollIntoViewIfNeeded();
      // The page knows when its observer has been called: the next message is one that was not seen.
      await page.waitForFunction(`document.getElementById('messages-top').getBoundingClientRect().bottom < 0 ||
      document.getElementById('messages-view').scrollTop > 0`);
      await page.evaluate('new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))');
      const made = 'insert into contracts select from generate_series(1, 2) returning id';
      const contracts = await console.database.query(made);
      await fresh.waitFor();
      await picture(page, `console-${name}-new`);
      await fresh.click();
      for (const { id } of contracts) {
        const box = await row(page, 'contract.created')
          .filter({ hasText: short(id as string) })
          .boundingBox();
        expect(box?.y).toBeGreaterThan(0);
        expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThan(size.viewport.height);
      }
      await page.locator('#fresh').waitFor({ state: 'hidden' });
    },
  );
});
