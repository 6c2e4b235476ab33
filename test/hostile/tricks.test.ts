/** Tricks of the trade: requests hidden in requests, names made to resolve here, credentials of odd shapes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { eventually, Honest, metric } from './observe.js';
import { closeCodeIn, dial, engineWire, frame, upgrade } from './wire.js';

let database: TestDatabase;
let server: TestServer;
let honest: Honest;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url, { HASHI_AUTH_TIMEOUT_MS: '1500' });
  honest = await Honest.connect(server, database);
});
afterAll(async () => {
  await honest.event();
  expect(honest.streams()).toEqual(honest.expected());
  honest.close();
  await server.stop();
  await database.drop();
});

describe('a request hidden behind an upgrade', () => {
  const hidden = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n';
  const framings: [string, Record<string, string>, string][] = [
    ['as its body', { 'Content-Length': String(hidden.length) }, hidden],
    [
      'as a chunk',
      { 'Transfer-Encoding': 'chunked' },
      `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
    ],
    ['behind a body of nothing', { 'Content-Length': '0' }, hidden],
    ['with nothing before it', {}, hidden],
  ];

  it.each(
    ['/', '/socket.io/?EIO=4&transport=websocket'].flatMap((target) =>
      framings.map(([how, headers, rest]) => [how, target, headers, rest] as const),
    ),
  )('is not answered: %s, at %s', async (_how, target, headers, rest) => {
    for (const origin of [null, 'https://evil.example.com']) {
      const wire = await dial(server);
      wire.send(upgrade(target, { ...headers, Origin: origin }) + rest);
      const answer = await wire.over;
      expect(answer).not.toContain('hashi_connections');
      expect(answer.match(/HTTP\/1\.1 /g) ?? []).toHaveLength(1);
    }
  });

  it('is not answered once the WebSocket is open', async () => {
    const wire = await dial(server);
    wire.send(upgrade(`/?token=${await server.token('p1')}`));
    await wire.seen('"connected"');
    wire.send(hidden);
    const answer = await wire.over;
    expect(closeCodeIn(answer)).toBe(1002);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });
});

it('gives a page whose name was made to resolve here no token, and lets nobody in without one', async () => {
  const { port } = new URL(server.url);
  const evil = { Host: `evil.example.com:${port}`, Origin: `http://evil.example.com:${port}` };
  const desk = await dial(server);
  const body = '{"player":"p1"}';
  desk.send(
    `POST /development/token HTTP/1.1\r\nHost: ${evil.Host}\r\nOrigin: ${evil.Origin}\r\nX-Hashi-Console: 1\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
  const refused = await desk.over;
  expect(refused).toMatch(/^HTTP\/1\.1 403 /);
  expect(refused).not.toContain('eyJ');
  const page = await fetch(server.url);
  expect(await page.text()).not.toMatch(/eyJ[\w-]{20}/);
  const wire = await dial(server);
  wire.send(upgrade('/', evil));
  expect(await wire.seen('AUTH_ERROR')).toMatch(/^HTTP\/1\.1 101 /);
  wire.reset();
});

describe('Socket.IO credentials', () => {
  it.each([
    '',
    'null',
    '[]',
    '0',
    '"eyJ"',
    '{}',
    '{"token":null}',
    '{"token":{"toString":"x"}}',
    '{"token":[]}',
    '{"token":[[["x"]]]}',
    '{"token":{"_placeholder":true,"num":0}}',
    '{"__proto__":{"token":"x"}}',
    '{"constructor":{"prototype":{"token":"x"}}}',
    '{"token":"x","pid":{},"offset":[]}',
    '{"token":"x","pid":"a.b","offset":"\\u0000"}',
    `{"token":"x","pid":"${'p'.repeat(9000)}","offset":"${'o'.repeat(6000)}"}`,
    `{"token":"${'x'.repeat(16_000)}"}`,
    `{"token":"x"${',"a":[]'.repeat(2000)}}`,
    `{"token":${'['.repeat(7000)}${']'.repeat(7000)}}`,
  ])('of an odd shape let nobody in: %s', async (credentials) => {
    const open = await metric(server, 'hashi_connections');
    const wire = await engineWire(server);
    wire.send(frame(`40${credentials}`));
    await Promise.race([wire.seen('AUTH_ERROR').catch(() => ''), wire.over]);
    expect(wire.text()).not.toContain('"connected"');
    wire.reset();
    expect(await metric(server, 'hashi_connections')).toBe(open);
  });

  it('of the first of several tokens count, whatever the others are', async () => {
    const wire = await engineWire(server);
    wire.send(frame(`40${JSON.stringify({ token: ['x', await server.token('p1')] })}`));
    await wire.seen('AUTH_ERROR');
    wire.reset();
  });
});

it('tells a guessed session nothing, and opens none for it', async () => {
  const session = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const own = /"sid":"([\w-]+)"/.exec(await (await fetch(session)).text())?.[1] ?? '';
  expect(own.length).toBeGreaterThanOrEqual(20);
  const answers = new Set<string>();
  for (let guess = 0; guess < 200; guess++) {
    const sid = own.slice(0, -1) + String.fromCharCode(97 + (guess % 26)) + (guess % 2 ? '' : guess);
    if (sid === own) continue;
    const poll = await fetch(
      `${session}&sid=${sid}`,
      guess % 3 ? {} : { method: 'POST', body: '42["ping"]' },
    );
    answers.add(`${poll.status} ${await poll.text()}`);
  }
  expect([...answers]).toEqual(['400 {"code":1,"message":"Session ID unknown"}']);
  await eventually(
    () => metric(server, 'hashi_connections'),
    (open) => open === honest.clients.length,
  );
});

it('keeps few of the requests of one connection that takes no answer, and ends it', async () => {
  const polling = '/socket.io/?EIO=4&transport=polling&sid=nobody';
  const requests = ['/', '/nowhere', '/metrics', polling].map(
    (target) => `GET ${target} HTTP/1.1\r\nHost: a`,
  );
  // What nobody can fulfil is a request as well.
  for (const expectation of ['100-continue', 'the impossible'])
    requests.push(`POST ${polling} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: ${expectation}`);
  const wires = await Promise.all(
    requests.map(async (request) => {
      const wire = await dial(server);
      wire.socket.pause();
      wire.send(`${request}\r\n\r\n`.repeat(5000));
      return wire;
    }),
  );
  await eventually(
    () => metric(server, 'hashi_refused_total', 'pipelined'),
    (refused) => refused === wires.length,
  );
  // As many as browsers and proxies ever send before they have their answers.
  for (const each of wires) each.reset();
  const wire = await dial(server);
  wire.send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(16));
  await wire.seen(/(HTTP\/1\.1 200 [^]*){16}/);
  wire.reset();
});
