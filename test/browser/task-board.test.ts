/** The page of the task board, in a browser, served by the example as it stands. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run, type Child } from '../support/child.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { launchBrowser, type TestBrowser } from './browser.js';

let database: TestDatabase;
let board: Child;
let browser: TestBrowser;

beforeAll(async () => {
  database = await createDatabase();
  board = run(process.execPath, ['--import', 'tsx', 'examples/task-board/server.ts'], {
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      PORT: '0',
      LOG_LEVEL: 'error',
      HASHI_DRAIN_MS: '100',
    },
  });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser.close();
  board.signal('SIGTERM');
  expect(await board.exited).toBe(0);
  await database.drop();
});

it('shows members the tasks of their board as they change, and nothing to others', async () => {
  const [, port] = await board.printed(/"port":(\d+)/);
  const [ann, eve] = [await browser.open(), await browser.open()];
  for (const [{ page }, me] of [
    [ann, 'ann'],
    [eve, 'eve'],
  ] as const) {
    await page.goto(`http://127.0.0.1:${port}/?me=${me}`);
    await page.getByRole('listitem').filter({ hasText: 'connected' }).waitFor();
  }
  await database.query(`with b as (insert into boards (title) values ('home') returning id)
    insert into members select id, 'ann' from b`);
  await database.query(`insert into tasks (board_id, title) select id, '<b>paint</b>' from boards`);
  await database.query('update tasks set done_at = now()');
  await database.query(`insert into members select id, 'eve' from boards`);
  await eve.page.getByRole('listitem').filter({ hasText: 'board.entered' }).waitFor();

  await ann.page.getByRole('listitem').nth(4).waitFor();

  const told = async ({ page }: typeof ann) =>
    (await page.getByRole('listitem').allTextContents()).map((text) => text.trim());
  expect(await told(ann)).toEqual([
    'connected',
    'board:event board.entered home',
    'task:event task.added <b>paint</b>',
    'task:event task.done <b>paint</b>',
    'board:event board.entered home',
  ]);
  expect(await told(eve)).toEqual(['connected', 'board:event board.entered home']);
  expect([...ann.complaints, ...eve.complaints].filter((text) => !/favicon/.test(text))).toEqual([]);
});
