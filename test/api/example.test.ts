/** The example of a task board, run as it stands. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
const children: ChildProcess[] = [];

/** Starts one of its files; its lines, as they come. */
function start(file: string, env: Record<string, string>): AsyncIterator<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', `examples/task-board/${file}`], {
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(async () => {
  for (const child of children) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  }
  await database.drop();
});

it('shows the tasks of a board to its members, from the rows alone', async () => {
  const lines = start('server.ts', {
    DATABASE_URL: database.url,
    PORT: '0',
    LOG_LEVEL: 'error',
    HASHI_DRAIN_MS: '100',
  });
  const first = await lines.next();
  const port = /"port":(\d+)/.exec(String(first.value))?.[1];
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain('new WebSocket');

  const watching = start('watch.ts', { URL: `http://127.0.0.1:${port}/live`, ME: 'ann' });
  expect((await watching.next()).value).toBe('watching');
  const ann = rawClient({ wsUrl: `ws://127.0.0.1:${port}/live` }, 'ann');
  await ann.next('connected');
  const [board] = await database.query(`insert into boards (title) values ('home') returning id`);
  await database.query(`insert into members values ($1, 'ann')`, [board.id]);
  await database.query(`insert into tasks (board_id, title) values ($1, 'paint')`, [board.id]);
  await database.query('update tasks set done_at = now()');

  expect((await ann.next('board.entered')).data).toMatchObject({
    boardId: board.id,
    payload: { title: 'home', who: 'ann' },
  });
  expect((await ann.next('task.added')).data.payload).toEqual({ title: 'paint', done_at: null });
  expect((await ann.next('task.done')).data.type).toBe('task.done');
  expect((await lines.next()).value).toBe('done: paint');
  expect((await watching.next()).value).toBe('ann has entered home');
  expect((await watching.next()).value).toMatch(/^paint is done, \d{4}-/);
  ann.close();
});
