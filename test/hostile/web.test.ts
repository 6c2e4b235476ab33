/** What a foreign page in somebody's browser can try, and what plain HTTP gives away. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { metric } from './observe.js';
import { dial, upgrade } from './wire.js';

const allowed = 'https://app.example.com';
const metricsToken = 'a-long-random-word';

let database: TestDatabase;
let strict: TestServer;
let own: TestServer;
let open: TestServer;

beforeAll(async () => {
  database = await createDatabase();
  strict = await startServer(database.url, { ALLOWED_ORIGINS: allowed, HASHI_METRICS_TOKEN: metricsToken });
  own = await startServer(database.url);
  open = await startServer(database.url, { ALLOWED_ORIGINS: '*' });
});
afterAll(async () => {
  await Promise.all([strict.stop(), own.stop(), open.stop()]);
  await database.drop();
});

const polling = '/socket.io/?EIO=4&transport=polling';
const targets = ['/', '/socket.io/?EIO=4&transport=websocket'];

/** The status of a WebSocket upgrade, and of a polling handshake, from a page of this origin. */
async function statuses(server: TestServer, origin: string | null): Promise<number[]> {
  const upgrades = targets.map(async (target) => {
    const wire = await dial(server);
    wire.send(upgrade(target, { Origin: origin, Host: new URL(server.url).host }));
    const head = await wire.seen(/^HTTP\/1\.1 \d+ /);
    wire.reset();
    return Number(head.split(' ')[1]);
  });
  const poll = fetch(server.url + polling, { headers: origin === null ? {} : { origin } });
  return [...(await Promise.all(upgrades)), (await poll).status];
}

const welcome = [101, 101, 200];
const refused = [403, 403, 403];

describe('an origin', () => {
  it.each([
    [allowed, welcome],
    [null, welcome],
    ['https://evil.example.com', refused],
    ['http://app.example.com', refused],
    ['https://app.example.com.evil.example', refused],
    ['https://app.example.com:444', refused],
    ['null', refused],
    ['', refused],
    ['https://APP.example.com/', refused],
    ['file://', refused],
  ])('%s is answered on raw, websocket and polling alike: %j', async (origin, expected) => {
    expect(await statuses(strict, origin)).toEqual(expected);
  });

  it('is the own one when none is configured', async () => {
    expect(await statuses(own, own.url)).toEqual(welcome);
    expect(await statuses(own, 'http://127.0.0.1:1')).toEqual(refused);
    expect(await statuses(own, 'https://evil.example.com')).toEqual(refused);
    expect(await metric(own, 'hashi_refused_total', 'origin')).toBe(6);
  });

  it('is any when all are allowed', async () => {
    expect(await statuses(open, 'https://anybody.example.com')).toEqual(welcome);
  });

  it('is asked again at every request of a polling session', async () => {
    const sid = /"sid":"([\w-]+)"/.exec(await (await fetch(strict.url + polling)).text())?.[1] ?? '';
    const headers = { origin: 'https://evil.example.com' };
    expect((await fetch(`${strict.url}${polling}&sid=${sid}`, { headers })).status).toBe(403);
    const post = { method: 'POST', headers, body: '40{}' };
    expect((await fetch(`${strict.url}${polling}&sid=${sid}`, post)).status).toBe(403);
  });

  it('is found behind however many headers there are', async () => {
    const evil = 'Origin: https://evil.example.com';
    for (const target of [...targets, polling]) {
      const wire = await dial(strict);
      const asked = target === polling ? `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n` : upgrade(target);
      wire.send(asked.replace(/\r\n\r\n$/, `\r\n${'a: b\r\n'.repeat(2500)}${evil}\r\n\r\n`));
      expect(await wire.seen(/^HTTP\/1\.1 \d+ /)).toMatch(/^HTTP\/1\.1 403 /);
      wire.reset();
    }
  });

  it('may read an answer only when it is allowed', async () => {
    const read = async (origin: string) =>
      (await fetch(strict.url + polling, { headers: { origin } })).headers.get('access-control-allow-origin');
    expect(await read(allowed)).toBe(allowed);
    expect(await read('https://evil.example.com')).toBe(null);
    const anybody = await fetch(open.url + polling, { headers: { origin: 'https://a.example.com' } });
    expect(anybody.headers.get('access-control-allow-origin')).toBe('*');
    // No cookie identifies anybody here, and none ever may.
    expect(anybody.headers.get('access-control-allow-credentials')).toBe(null);
    expect(anybody.headers.get('set-cookie')).toBe(null);
  });
});

describe('a preflight', () => {
  const ask = (origin: string, target = polling) =>
    fetch(strict.url + target, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });

  it('lets an allowed page send its token as a header, and no other page', async () => {
    const answer = await ask(allowed);
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe(allowed);
    expect(answer.headers.get('access-control-allow-headers')).toBe('authorization');
    expect((await ask('https://evil.example.com')).status).toBe(403);
  });

  it.each(['/', '/metrics', '/readyz'])('lets no page send anything to %s', async (target) => {
    const answer = await ask(allowed, target);
    expect(answer.status).toBe(405);
    expect(answer.headers.get('access-control-allow-origin')).toBe(null);
  });
});

describe('pages', () => {
  it.each(['/', '/docs'])('%s runs no inline script and is framed by nobody', async (path) => {
    const answer = await fetch(own.url + path);
    // The second page may not be part of this build; what is there is protected.
    expect([200, 404]).toContain(answer.status);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    if (answer.status !== 200) return;
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("base-uri 'none'");
    expect(policy).not.toMatch(/unsafe-|script-src[^;]*(\*|data:|https?:)/);
    const html = await answer.text();
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>|\son\w+=|javascript:/i);
    // Scripts and styles come from here alone.
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\/[^"]+\.(js|css)/);
  });

  it.each([
    ['what a poll brings', polling, 200],
    ['a session there is not', `${polling}&sid=nobody`, 400],
    ['an origin that may not', polling, 403],
    ['no page', '/nowhere', 404],
    ['a path below that of Socket.IO', polling.replace('?', 'x/y?'), 404],
  ])('lets no browser guess what the answer is: %s', async (_what, target, status) => {
    const headers = status === 403 ? { origin: 'https://evil.example.com' } : undefined;
    const answer = await fetch(own.url + target, { ...(headers && { headers }) });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^(text\/plain|application\/json)/);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it.each(['/', '/healthz', '/readyz', '/metrics'])(
    '%s answers HEAD without a body, and no other method',
    async (path) => {
      const head = await fetch(own.url + path, { method: 'HEAD' });
      expect([head.status, await head.text()]).toEqual([200, '']);
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        const answer = await fetch(own.url + path, { method, body: 'x' });
        expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      }
    },
  );

  it.each([
    '//',
    '//evil.example.com',
    '/%2e%2e/package.json',
    '/..%2fpackage.json',
    '/%',
    '/%zz',
    '/\0',
    '/.git',
    '/nowhere',
    '/__proto__',
    '*',
  ])('%j is nothing', async (target) => {
    const wire = await dial(own);
    wire.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(await wire.over).toMatch(/^HTTP\/1\.1 40[04] /);
  });

  it('takes a target with its host in front', async () => {
    const wire = await dial(own);
    wire.send(`GET ${own.url}/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(await wire.over).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('does not say what it is made of', async () => {
    for (const path of ['/', '/nowhere', '/healthz', polling]) {
      const { headers } = await fetch(own.url + path);
      expect([headers.get('server'), headers.get('x-powered-by')]).toEqual([null, null]);
    }
  });
});

describe('/metrics', () => {
  it.each([
    [undefined, 401],
    ['Bearer ', 401],
    ['Bearer wrong', 401],
    [`Bearer ${metricsToken}x`, 401],
    [`Basic ${metricsToken}`, 401],
    [`Bearer ${metricsToken}`, 200],
  ])('answers %s with %i when it is protected', async (authorization, status) => {
    const answer = await fetch(`${strict.url}/metrics`, {
      headers: authorization === undefined ? {} : { authorization },
    });
    expect(answer.status).toBe(status);
    expect(await answer.text()).not.toContain(metricsToken);
  });

  it('does not take the token from the query, where logs of proxies would keep it', async () => {
    expect((await fetch(`${strict.url}/metrics?token=${metricsToken}`)).status).toBe(401);
  });
});
