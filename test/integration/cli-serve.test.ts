import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { run, type Child } from '../support/child.js';
import { ioClient, rawClient, type RawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

let dataDir: string;
let database: TestDatabase;
const children: Child[] = [];
const listeners: Server[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hashi-serve-'));
  database = await createDatabase();
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.signal('SIGKILL');
    await child.exited;
  }
  for (const listener of listeners.splice(0)) listener.close();
});
afterAll(async () => {
  await database.drop();
  await rm(dataDir, { recursive: true });
});

function serve(env: Record<string, string> = {}): Child {
  const child = run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'serve'], {
    env: {
      PATH: process.env.PATH ?? '',
      HASHI_DATA_DIR: dataDir,
      DATABASE_URL: database.url,
      PORT: '0',
      LOG_FORMAT: 'json',
      LOG_LEVEL: 'warn',
      ...env,
    },
  });
  children.push(child);
  return child;
}

/** A port on which somebody takes connections and answers with `answer`. */
async function taken(answer = ''): Promise<number> {
  const listener = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end(answer));
  });
  listeners.push(listener);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** The sentence a failed start prints: the whole output, but for the log. */
async function refusal(child: Child): Promise<string> {
  expect(await child.exited).toBe(1);
  const lines = child
    .output()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^hashi-socket: .*\.$/);
  return lines[0] ?? '';
}

/** Resolves when so many of them have been closed. */
async function closedOf(clients: readonly RawClient[], count: number): Promise<void> {
  await new Promise<void>((resolve) => {
    let left = count;
    for (const client of clients) {
      void client.closed.then(() => {
        if (--left === 0) resolve();
      });
    }
  });
}

const connections = async (role: string) =>
  (await database.query('select pid from pg_stat_activity where usename = $1', [role])).length;

describe('serve refuses to start, in one sentence and with exit code 1,', () => {
  it('on a wrong setting', async () => {
    expect(await refusal(serve({ HASHI_DRAIN_MS: '10s' }))).toMatch(
      /HASHI_DRAIN_MS is "10s" but must be .*, for example HASHI_DRAIN_MS=30000/,
    );
  });

  it('where no database listens, and without the password', async () => {
    const sentence = await refusal(serve({ DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/app' }));
    expect(sentence).toMatch(/Nothing listens on 127\.0\.0\.1:1: start Postgres there/);
    expect(sentence).not.toContain('hunter2');
  });

  it('on something that is not Postgres', async () => {
    const port = await taken('HTTP/1.1 400 Bad Request\r\n\r\n');
    expect(await refusal(serve({ DATABASE_URL: `postgres://u@127.0.0.1:${port}/app` }))).toMatch(
      /127\.0\.0\.1:\d+ closed the connection before it was set up: check that it is Postgres/,
    );
  });

  it('on a database that does not exist', async () => {
    const url = new URL(database.url);
    url.pathname = '/nowhere';
    expect(await refusal(serve({ DATABASE_URL: url.href }))).toMatch(/The database nowhere does not exist/);
  });

  it('as a role without rights, and leaves nothing behind', async () => {
    const role = `poor_${database.name}`;
    await database.query(`create role ${role} login password 'pw'`);
    await database.query(`revoke create on database ${database.name} from public`);
    const url = new URL(database.url);
    url.username = role;
    url.password = 'pw';
    try {
      expect(await refusal(serve({ DATABASE_URL: url.href }))).toMatch(
        /Role "poor_\w+" may not create the schema "realtime": GRANT CREATE ON DATABASE/,
      );
      // Its backends end a moment after it.
      await expect.poll(() => connections(role)).toBe(0);
      expect(await database.query(`select from pg_namespace where nspname = 'realtime'`)).toEqual([]);
    } finally {
      await database.query(`drop role ${role}`);
    }
  });

  it('on a database that is not up to date, when it may not migrate', async () => {
    const empty = await createDatabase();
    try {
      expect(await refusal(serve({ DATABASE_URL: empty.url, MIGRATE_ON_START: 'false' }))).toMatch(
        /not up to date .*: run "hashi-socket migrate" first/,
      );
    } finally {
      await empty.drop();
    }
  });

  it('on a port that is taken, with its database connections closed', async () => {
    const port = await taken();
    expect(await refusal(serve({ PORT: String(port) }))).toMatch(
      new RegExp(`Port ${port} of 127\\.0\\.0\\.1 is taken: .* set PORT`),
    );
    // Its backends end a moment after it.
    await expect
      .poll(() =>
        database.query(
          `select application_name from pg_stat_activity where datname = current_database() and application_name like 'hashi-socket%'`,
        ),
      )
      .toEqual([]);
  });
});

describe('serve stops', () => {
  async function started(env: Record<string, string> = {}) {
    const child = serve(env);
    const [, url = '', token] = await child.printed(/(http:\/\/127\.0\.0\.1:\d+)\/#token=(\S+)/);
    return { child, url, wsUrl: url.replace(/^http/, 'ws'), token };
  }

  it('on SIGTERM: clients are told and closed with 1012, and it exits 0', async () => {
    const server = await started({ HASHI_DRAIN_MS: '300' });
    const raw = rawClient(server, server.token);
    const socket = ioClient(server, server.token, { reconnection: false });
    await Promise.all([raw.next('connected'), socket.next('connected')]);
    server.child.signal('SIGTERM');
    expect(await raw.next('error')).toMatchObject({ data: { code: 'SERVER_RESTARTING' } });
    expect(await socket.next('error')).toMatchObject({ data: { code: 'SERVER_RESTARTING' } });
    expect(await raw.closed).toMatchObject({ code: 1012 });
    expect(await server.child.exited).toBe(0);
    expect(server.child.output()).not.toMatch(/\n\s+at |"level":"(error|fatal)"/);
    socket.close();
  });

  it('at once and with 1 on a second signal more than a second later', async () => {
    const server = await started({ HASHI_DRAIN_MS: '60000', HASHI_MAX_CONNECTIONS_PER_PLAYER: '100' });
    const clients = Array.from({ length: 60 }, () => rawClient(server, server.token));
    await Promise.all(clients.map((client) => client.next('connected')));
    server.child.signal('SIGTERM');
    // They are let go one by one, some 50 ms apart: by then more than a second has passed.
    await closedOf(clients, 30);
    server.child.signal('SIGTERM');
    expect(await server.child.exited).toBe(1);
    await Promise.all(clients.map((client) => client.closed));
  });
});
