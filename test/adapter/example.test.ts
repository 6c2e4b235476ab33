/** The example of an application that mounts the adapter alone, run as it stands. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { joinAs } from './support.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
let database: TestDatabase;
const started: ChildProcess[] = [];

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(async () => {
  for (const child of started) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  }
  await database.drop();
});

async function startExample(): Promise<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/adapter-only/server.ts'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: database.url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return `http://127.0.0.1:${/"port":(\d+)/.exec(String(line))?.[1]}`;
}

it('carries a chat between two of its processes', async () => {
  const urls = await Promise.all([startExample(), startExample()]);
  const [one, two] = await Promise.all(urls.map((url) => joinAs(url)));
  one?.socket.emit('say', 'hello');
  expect(await two?.until('said')).toEqual([['said', 'hello']]);
  expect(await one?.until('said')).toEqual([['said', 'hello']]);
  for (const client of [one, two]) client?.socket.disconnect();
});
