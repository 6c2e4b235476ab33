import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { catalog } from '../../src/catalog/index.js';
import type { Family } from '../../src/catalog/family.js';
import { createServer } from '../../src/index.js';
import { run, type Child } from '../support/child.js';
import { rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { eventTable } from '../support/event-table.js';
import { block, blocks, readme, root, rowsOf, table } from '../support/readme.js';
import { startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;
/** In the tree, so that imports find the packages. */
const folder = join(root, 'test/artifacts', `readme-${process.pid}`);
const children: Child[] = [];

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  database = await createDatabase();
  server = await startServer(database.url);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.signal('SIGKILL');
    await child.exited;
  }
});
afterAll(async () => {
  await server.stop();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function start(...[command, args, options]: Parameters<typeof run>): Child {
  const child = run(command, args, options);
  children.push(child);
  return child;
}

/** A code block as a file, aimed at the test's server. */
function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text.replaceAll('127.0.0.1:3000', new URL(server.url).host));
  return path;
}

describe('what the README says', () => {
  it('opens with the two commands', () => {
    expect(blocks('sh').slice(0, 2)).toEqual(['npm ci && npm start\n', 'npm ci && npm test\n']);
  });

  it('lists every event of the catalogue, when it is sent and to whom', () => {
    expect(catalog.families.flatMap((family) => Object.keys(family.events))).toHaveLength(24);
    expect(table('events')).toEqual(rowsOf(eventTable(catalog)));
  });

  it('links only to files that are there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path ?? '');
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('makes the promise in its own words', () => {
    expect(readme).toContain(
      'every committed change reaches every client that may see it exactly once in effect, in one order, within ' +
        'retention, through any fault of a client, an instance, the network or the database; past that, the client ' +
        'is told, never left with a hole.',
    );
  });

  it('gives the browser in ten lines, and each other client in five', () => {
    // The first is run by test/browser/readme.test.ts, the others below.
    expect(blocks('js').map((client) => client.trimEnd().split('\n').length)).toEqual([10, 5, 5]);
  });
});

describe('what the README has you run', () => {
  it.each([
    ['the raw client', 'raw-client.mjs', "from 'ws'"],
    ['the Socket.IO client', 'socketio-client.mjs', 'socket.io-client'],
  ])('%s prints the change that the SQL makes', async (_title, name, word) => {
    const client = start(process.execPath, [fileOf(name, block('js', word))], {
      env: { ...process.env, TOKEN: await server.token('alice') },
    });
    await client.printed(/connected/);
    await database.query(block('sql', 'insert into contracts'));
    await client.printed(/contract\.created/);
    await client.printed(/stakeAmount: '1000000000000000000'|\[Object\]/);
  });

  it('mints a token that a server with the same data directory takes', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'hashi-readme-'));
    const own = await startServer(database.url, { HASHI_DATA_DIR: dataDir });
    try {
      const command = start('sh', ['-c', block('sh', 'token --player')], {
        env: { ...process.env, HASHI_DATA_DIR: dataDir },
      });
      const [token] = await command.printed(/^ey[\w-]+\.[\w-]+\.[\w-]+$/m);
      expect(await command.exited).toBe(0);
      const client = rawClient(own, token);
      expect(await client.next()).toMatchObject({ type: 'connected', data: { playerId: 'alice' } });
      client.close();
    } finally {
      await own.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('starts in production as it says', async () => {
    const command = block('sh', 'NODE_ENV=production')
      .replace('postgres://user:password@db.example.com/app', database.url)
      .replace('HOST=0.0.0.0', 'HOST=127.0.0.1 PORT=0 LOG_FORMAT=json');
    expect(command).toContain(database.url);
    const instance = start('sh', ['-c', `exec env ${command}`]);
    const [, url] = await instance.printed(/hashi-socket listens on (\S+)$/m);
    expect(instance.output()).not.toContain('token=');
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    instance.signal('SIGTERM');
    expect(await instance.exited).toBe(0);
  });

  it('has the doctor look at a database that is in order', async () => {
    const command = start('sh', ['-c', block('sh', 'doctor')], {
      env: { ...process.env, DATABASE_URL: database.url, HASHI_DATA_DIR: folder },
    });
    expect(await command.exited, command.output()).toBe(0);
  });
});

describe('the event family of the README', () => {
  it('tells clients of rows of its table', async () => {
    const source = block('ts', 'task:event').replace(
      "'hashi-socket/catalog'",
      "'../../../src/catalog/index.js'",
    );
    writeFileSync(join(folder, 'family.ts'), source);
    const { task } = (await import(join(folder, 'family.ts'))) as { task: Family };
    await database.query(
      'create table tasks (id uuid primary key default gen_random_uuid(), title text not null, done_at timestamptz)',
    );
    const embedding = createServer({
      families: [task],
      settings: { DATABASE_URL: database.url, PORT: 0, LOG_LEVEL: 'silent', HASHI_DRAIN_MS: 100 },
      env: { HASHI_DATA_DIR: folder },
    });
    const { url, developmentToken } = await embedding.start();
    const client = rawClient({ wsUrl: url.replace('http', 'ws') }, developmentToken);
    try {
      await client.next('connected');
      await database.query(`insert into tasks (title) values ('say it')`);
      await database.query('update tasks set done_at = now()');
      await database.query('delete from tasks');
      const messages = await client.until('task.deleted');
      expect(messages.map(({ type, data }) => [type, data.type, data.payload.title])).toEqual([
        ['task:event', 'task.created', 'say it'],
        ['task:event', 'task.done', 'say it'],
        ['task:event', 'task.deleted', 'say it'],
      ]);
    } finally {
      client.close();
      await embedding.stop();
    }
  });
});
