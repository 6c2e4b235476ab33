/** Requests that are cut short, doubled, oversized or just wrong: an answer or a close, and a server that stays up. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';
import { eventually, Honest, metric } from './observe.js';
import { dial, frame, upgrade } from './wire.js';

let database: TestDatabase;
let server: TestServer;
let honest: Honest;
let token: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startServer(database.url, { HASHI_MAX_CONNECTIONS_PER_ADDRESS: '10000' });
  honest = await Honest.connect(server, database);
  token = await server.token('p1');
});
afterAll(async () => {
  honest.close();
  await server.stop();
  await database.drop();
});

async function unharmed(): Promise<void> {
  await honest.event();
  expect(honest.streams()).toEqual(honest.expected());
  await eventually(
    () => metric(server, 'hashi_connections'),
    (open) => open === honest.clients.length,
  );
}

/** Says it and returns what was answered before the server closed. */
async function say(bytes: string | Buffer): Promise<string> {
  const wire = await dial(server);
  wire.send(bytes);
  return wire.over;
}

describe.each([
  ['raw', () => upgrade(`/?token=${token}`), () => frame('{"type":"ping"}')],
  [
    'Socket.IO',
    () => upgrade('/socket.io/?EIO=4&transport=websocket'),
    () => frame(`40${JSON.stringify({ token })}`),
  ],
])('%s', (_name, request, message) => {
  it('survives a reset at every byte of the handshake and of the first message', async () => {
    const bytes = Buffer.concat([Buffer.from(request()), message()]);
    // Every byte of the first and last lines, and of the frame; every seventh in between, which is the token.
    const cuts = Array.from({ length: bytes.length }, (_, at) => at).filter(
      (at) => at < 40 || at > bytes.length - 60 || at % 7 === 0,
    );
    for (const at of cuts) {
      const wire = await dial(server);
      wire.send(bytes.subarray(0, at));
      wire.reset();
    }
    await unharmed();
  });

  it('survives a reset right after the answer', async () => {
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        const wire = await dial(server);
        wire.send(Buffer.concat([Buffer.from(request()), message()]));
        await wire.seen('101 Switching');
        wire.reset();
      }),
    );
    await unharmed();
  });

  it('takes what comes in one piece with the handshake, and nothing after the close', async () => {
    const wire = await dial(server);
    wire.send(
      Buffer.concat([Buffer.from(request()), message(), frame('\x03\xe8', { first: 0x88 }), message()]),
    );
    expect(await wire.over).toMatch(/^HTTP\/1\.1 101 /);
    await unharmed();
  });
});

describe('upgrades', () => {
  const both = ['/', '/socket.io/?EIO=4&transport=websocket'];
  const wrong: [string, Record<string, string | null>][] = [
    ['no key', { 'Sec-WebSocket-Key': null }],
    ['a key that is none', { 'Sec-WebSocket-Key': 'short' }],
    ['no version', { 'Sec-WebSocket-Version': null }],
    ['version 99', { 'Sec-WebSocket-Version': '99' }],
    ['another protocol', { Upgrade: 'h2c' }],
    ['a subprotocol that is none', { 'Sec-WebSocket-Protocol': ',,"\u0001' }],
    ['a subprotocol twice', { 'Sec-WebSocket-Protocol': 'hashi, hashi' }],
  ];

  it.each(both.flatMap((target) => wrong.map(([name, headers]) => [name, target, headers] as const)))(
    'refuses %s at %s',
    async (_name, target, headers) => {
      expect(await say(upgrade(target, headers))).toMatch(/^HTTP\/1\.1 4\d\d /);
    },
  );

  it.each([
    '//',
    '///',
    '/\\',
    '/%',
    '/%zz',
    '/..',
    '/nowhere',
    '*',
    'http:///',
    '/socket.io',
    '/?/../socket.io',
  ])('answers the target %s and stays up', async (target) => {
    expect(await say(upgrade(target, { Origin: 'https://evil.example.com' }))).toMatch(/^HTTP\/1\.1 4\d\d /);
  });

  it.each([
    '?token=%',
    '?token=%ff%fe',
    '?token[]=x',
    '?token=a&token=b',
    '?__proto__=x&constructor=y',
    `?${'a&'.repeat(4000)}`,
    '?since=%00&resume=1',
    '#?token=x',
  ])('refuses the query %s by message or by status', async (query) => {
    for (const target of [`/${query}`, `/socket.io/${query}&EIO=4&transport=websocket`]) {
      const wire = await dial(server);
      wire.send(upgrade(target));
      await wire.seen(/AUTH_ERROR|^HTTP\/1\.1 4\d\d |"sid"/);
      wire.reset();
    }
  });

  it('takes a target with its host in front', async () => {
    const wire = await dial(server);
    wire.send(upgrade(`${server.url}/?token=${token}`));
    await wire.seen('"connected"');
    wire.reset();
  });

  it.each([
    ['a header over 16 KB', () => upgrade('/', { 'X-Filler': 'x'.repeat(20_000) }), 431],
    ['a target over 16 KB', () => upgrade(`/?token=${'x'.repeat(20_000)}`), 431],
    [
      'two lengths',
      () => 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
      400,
    ],
    [
      'a length and chunks',
      () => 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx',
      400,
    ],
    ['no host', () => 'GET / HTTP/1.1\r\n\r\n', 400],
    ['a NUL in a header', () => upgrade('/', { 'X-Filler': 'a\0b' }), 400],
    ['what is no HTTP', () => '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 hello\r\n\r\n', 400],
    ['HTTP/2 with prior knowledge', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ])('answers %s with an HTTP error', async (_name, request, status) => {
    expect(await say(request())).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it('closes on garbage that is pipelined after a good request', async () => {
    const answer = await say('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n\0\0garbage\r\n\r\n');
    expect(answer).toMatch(/HTTP\/1\.1 400 /);
  });

  it.each(['/nowhere', '/socket.io/?transport=none'])(
    'survives a reset around the refusal of %s',
    async (target) => {
      const wires = await Promise.all(Array.from({ length: 200 }, () => dial(server, { halfOpen: true })));
      for (const [at, wire] of wires.entries()) {
        wire.send(upgrade(target));
        // Before the refusal is written, while it is, and after.
        if (at % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        wire.reset();
      }
      await unharmed();
    },
  );

  it.each([...both, '/socket.io/?EIO=4&transport=polling', '/healthz'])(
    'refuses a Host that was sent twice, at %s',
    async (target) => {
      for (const asked of [upgrade(target), `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`]) {
        const wire = await dial(server);
        wire.send(asked.replace('\r\n', '\r\nhOST: b\r\n'));
        // At a path that knows no upgrade there is none, whoever asks.
        expect(await wire.seen(/^HTTP\/1\.1 \d+ /)).toMatch(/^HTTP\/1\.1 40[04] /);
        wire.reset();
      }
    },
  );

  it('refuses an Origin that was sent twice', async () => {
    const request = upgrade('/').replace(
      '\r\n\r\n',
      '\r\nOrigin: http://127.0.0.1\r\nOrigin: http://evil\r\n\r\n',
    );
    expect(await say(request)).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('polling', () => {
  const base = '/socket.io/?EIO=4&transport=polling';
  const open = async () => /"sid":"([\w-]+)"/.exec(await (await fetch(server.url + base)).text())?.[1] ?? '';

  it.each([
    ['JSONP', 'GET', `${base}&j=0`, 400],
    ['an old protocol', 'GET', '/socket.io/?EIO=3&transport=polling', 400],
    ['a transport there is not', 'GET', '/socket.io/?EIO=4&transport=carrier-pigeon', 400],
    ['a websocket that is none', 'GET', '/socket.io/?EIO=4&transport=websocket', 400],
    ['a method it has no use for', 'PUT', base, 405],
    ['a body before the handshake', 'POST', base, 400],
  ])('refuses %s', async (_name, method, target, status) => {
    expect((await fetch(server.url + target, { method })).status).toBe(status);
  });

  it('closes a session that is polled twice at a time', async () => {
    const sid = await open();
    const polls = [fetch(`${server.url}${base}&sid=${sid}`), fetch(`${server.url}${base}&sid=${sid}`)];
    polls.push(fetch(`${server.url}${base}&sid=${sid}`));
    await Promise.allSettled(polls);
    expect((await fetch(`${server.url}${base}&sid=${sid}`)).status).toBe(400);
  });

  it.each(['', '\x1e\x1e\x1e', 'bAAAA', '9', '2probe', '4', '4{}', '45999999999-["x"]', '\ud800', '6', '1'])(
    'survives the body %j',
    async (body) => {
      const sid = await open();
      const answer = await fetch(`${server.url}${base}&sid=${sid}`, { method: 'POST', body });
      await answer.text();
      await unharmed();
    },
  );

  it.each(['GET', 'POST'])('survives a reset at every byte of a %s', async (method) => {
    const body = method === 'POST' ? `40${JSON.stringify({ token })}` : '';
    const of = (sid: string) =>
      `${method} ${base}${method === 'POST' ? `&sid=${sid}` : ''} HTTP/1.1\r\nHost: a\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`;
    const { length } = of(await open());
    for (let at = 1; at < length; at += at > 150 && at < length - 40 ? 7 : 1) {
      const request = of(method === 'POST' ? await open() : '');
      const wire = await dial(server);
      wire.send(request.slice(0, at));
      wire.reset();
    }
    await unharmed();
  });

  it('refuses a body of a gigabyte as soon as it is more than a message may be', async () => {
    const head = `POST ${base}&sid=${await open()} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n`;
    const answer = await say(`${head}Content-Length: ${2 ** 30}\r\n\r\n${'x'.repeat(20_000)}`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    await unharmed();
  });

  it('survives an upgrade that is begun twice, and one that never ends', async () => {
    const sid = await open();
    const target = `/socket.io/?EIO=4&transport=websocket&sid=${sid}`;
    const first = await dial(server);
    first.send(upgrade(target));
    first.send(frame('2probe'));
    await first.seen('3probe');
    const second = await dial(server);
    second.send(upgrade(target));
    await second.over;
    first.reset();
    await unharmed();
  });
});
