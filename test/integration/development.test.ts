import { request } from 'node:http';
import { exportSPKI, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

let database: TestDatabase;
let server: TestServer;
let host: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url);
  host = new URL(server.url).host;
});
afterAll(async () => {
  await server.stop();
  await database.drop();
});

interface Reply {
  status: number;
  body: any;
}

/** As the console asks; each header can be another one, or none. */
function ask(
  path: string,
  value: unknown,
  headers: Record<string, string | undefined> = {},
  url = server.url,
): Promise<Reply> {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  const all = {
    Origin: url,
    'Content-Type': 'application/json',
    'X-Hashi-Console': '1',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const sent = Object.fromEntries(Object.entries(all).filter(([, text]) => text !== undefined));
  return new Promise((resolve, reject) => {
    request(new URL(`/development/${path}`, url), { method: 'POST', headers: sent }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    })
      .on('error', reject)
      .end(body);
  });
}

const paths = ['state', 'token', 'sample', 'demo'];

describe('the development desk', () => {
  it("mints a token for any player, and logs it without the token's text", async () => {
    const { status, body } = await ask('token', { player: 'zoë' });
    expect(status).toBe(200);
    const client = rawClient(server, body.token);
    expect((await client.next('connected')).data.playerId).toBe('zoë');
    client.close();
    const lines = server.logs.filter((line) => line.includes('took a development token'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('zoë');
    expect(server.logs.join('')).not.toContain(body.token);
  });

  it('makes each of its changes, and what it says of them is what clients are told', async () => {
    const client = rawClient(server, await server.token('ann'));
    await client.next('connected');
    const { samples } = (await ask('state', {})).body;
    const values: Record<string, string> = { player: 'ann' };
    for (const { name, event, needs } of samples) {
      const given = Object.fromEntries(needs.map((need: string) => [need, values[need]]));
      const { status, body } = await ask('sample', { name, ...given });
      expect(status, `${name}: ${JSON.stringify(body)}`).toBe(200);
      Object.assign(values, body.made);
      // The last one removes a contract whose deletion was told before, and a lobby that is gone already.
      if (name === 'clean') await client.next('bounty.deleted');
      // Once ann has left her lobby, she is told no more of it.
      else if (name !== 'close') await client.next(event);
    }
    client.close();
    const made = server.logs.filter((line) => line.includes('the console made a change'));
    expect(made).toHaveLength(samples.length);
    const [left] = await database.query(
      `select (select count(*)::int from lobbies) + (select count(*)::int from contracts) +
         (select count(*)::int from storage) + (select count(*)::int from bounties) as rows`,
    );
    expect(left.rows).toBe(0);
  });

  it('knows the players of the database, and what samples have made', async () => {
    await database.query(`insert into lobbies (code, host_id) values ('MINE01', 'somebody')`);
    const { body } = await ask('sample', { name: 'lobby', player: 'ann' });
    const state = (await ask('state', {})).body;
    expect(state.players).toContain('somebody');
    expect(state.lobbies).toEqual([{ id: body.made.lobby, code: expect.stringMatching(/^TRY/) }]);
    await ask('sample', { name: 'clean' });
    expect((await ask('state', {})).body.lobbies).toEqual([]);
    expect(await database.query(`select from lobbies where code = 'MINE01'`)).toHaveLength(1);
  });

  it('touches no row that samples have not made', async () => {
    const [{ lobby }] = await database.query(
      `insert into lobbies (code) values ('MINE02') returning id as lobby`,
    );
    const [{ contract }] = await database.query(
      `insert into contracts (lobby_id) values ($1) returning id as contract`,
      [lobby],
    );
    const { samples } = (await ask('state', {})).body;
    for (const { name, needs } of samples) {
      if (!needs.includes('lobby') && !needs.includes('contract')) continue;
      const { status, body } = await ask('sample', { name, player: 'ann', lobby, contract });
      expect([status, body.error], name).toEqual([409, expect.stringContaining('No sample has made this')]);
    }
    const [row] = await database.query('select status, deleted_at from contracts where id = $1', [contract]);
    expect(row).toEqual({ status: 'created', deleted_at: null });
  });

  it('makes no more than so many', async () => {
    await database.query(
      `insert into lobbies (code) select 'TRY' || lpad(to_hex(n), 5, '0') from generate_series(1, 9) n`,
    );
    await database.query(`insert into lobbies (code) select 'TRY000' || n from generate_series(10, 50) n`);
    const { status, body } = await ask('sample', { name: 'lobby', player: 'ann' });
    expect([status, body.error]).toEqual([409, expect.stringContaining('remove the samples first')]);
    expect((await ask('sample', { name: 'clean' })).body.rows).toEqual([0, 0, 50, 0]);
  });

  it.each([
    ['no such sample', 'sample', { name: 'drop table lobbies' }, 404],
    ['SQL', 'sample', { name: 'lobby', player: 'a', sql: 'select 1' }, 400],
    ['no player', 'sample', { name: 'lobby' }, 400],
    ['a lobby that is no UUID', 'sample', { name: 'join', player: 'a', lobby: `x' or true --` }, 400],
    ['a player of nothing', 'token', { player: '  ' }, 400],
    ['a player with a line break', 'token', { player: 'a\nb' }, 400],
    ['a player of 257 letters', 'token', { player: 'a'.repeat(257) }, 400],
    ['no JSON', 'token', '{', 400],
    ['too much', 'token', { player: 'a'.repeat(5000) }, 413],
    ['more than is asked for', 'state', { all: true }, 400],
  ])('refuses %s', async (_what, path, value, expected) => {
    const { status, body } = await ask(path, value);
    expect([status, typeof body.error]).toEqual([expected, 'string']);
  });

  it('takes a name with quotes in it for a name', async () => {
    const player = `x'); drop table bounties; --`;
    expect((await ask('sample', { name: 'bounty', player })).status).toBe(200);
    expect(await database.query('select created_by from bounties')).toEqual([{ created_by: player }]);
    await ask('sample', { name: 'clean' });
  });
});

describe('who may use it', () => {
  it.each([
    ['a page of another origin', { Origin: 'https://evil.example' }, 'origin'],
    ['a page of another port of this machine', { Origin: 'http://127.0.0.1:1' }, 'origin'],
    ['a page without an origin', { Origin: 'null' }, 'origin'],
    ['a program that names no origin', { Origin: undefined }, 'origin'],
    ['a browser that says it is another site', { 'Sec-Fetch-Site': 'cross-site' }, 'origin'],
    [
      'a foreign name that was made to resolve to this machine',
      { Host: 'evil.example:3000', Origin: 'http://evil.example:3000' },
      'host',
    ],
    [
      'a name that only begins like this machine',
      { Host: '127.0.0.1.evil.example', Origin: 'http://127.0.0.1.evil.example' },
      'host',
    ],
    ['a host with a user in front', { Host: 'evil@127.0.0.1', Origin: 'http://evil@127.0.0.1' }, 'host'],
    ['somebody behind a proxy', { 'X-Forwarded-For': '203.0.113.7' }, 'proxy'],
    ['a form', { 'Content-Type': 'text/plain' }, 'content-type'],
    ['a request without the header of the console', { 'X-Hashi-Console': undefined }, 'header'],
  ])('refuses %s', async (_who, headers, why) => {
    const before = server.logs.length;
    for (const path of paths) {
      expect(await ask(path, { player: 'ann' }, headers)).toEqual({
        status: 403,
        body: { error: `Refused: ${why}` },
      });
    }
    const refusals = server.logs.slice(before).filter((line) => line.includes('desk was refused'));
    expect(refusals).toHaveLength(paths.length);
  });

  it('takes this machine by any of its names', async () => {
    const { port } = new URL(server.url);
    for (const name of ['localhost', '127.0.0.2', '[::1]']) {
      const headers = { Host: `${name}:${port}`, Origin: `http://${name}:${port}` };
      expect((await ask('token', { player: 'ann' }, headers)).status, name).toBe(200);
    }
  });

  it('answers no preflight, and nothing but POST', async () => {
    for (const method of ['OPTIONS', 'GET', 'PUT']) {
      const response = await fetch(`http://${host}/development/token`, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

describe('where it is not', () => {
  /** Neither the page nor the paths know of it. */
  async function hasNoDesk({ url }: TestServer) {
    expect(await (await fetch(url)).text()).not.toContain('<html data-development');
    for (const path of paths) {
      expect((await ask(path, { player: 'ann' }, {}, url)).status, path).toBe(404);
    }
  }

  it('is not there with a key configured, in production or not', async () => {
    const { publicKey } = await generateKeyPair('ES256');
    const keys = { AUTH_PUBLIC_KEY: await exportSPKI(publicKey), AUTH_AUDIENCE: 'app' };
    for (const env of [keys, { ...keys, NODE_ENV: 'production' }]) {
      const other = await startServer(database.url, env);
      await hasNoDesk(other);
      await other.stop();
    }
  });

  it('is not there when others than this machine may connect', async () => {
    // This machine as well, but by a name that cannot be told from any other address.
    const other = await startServer(database.url, { HOST: '::ffff:127.0.0.1' });
    await hasNoDesk(other);
    await other.stop();
  });
});
