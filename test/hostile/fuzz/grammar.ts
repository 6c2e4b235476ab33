/** Makes what clients may say, nearly: mostly in the right shape, so that it gets past the first check. */
import { frame, upgrade } from '../wire.js';
import type { Random } from './random.js';

/** What the server knows, for guesses that are not all wrong. */
export interface Known {
  readonly token: string;
  readonly lobbyId: string;
  readonly lobbyCode: string;
  readonly cursor: string;
}

const strangeTexts = [
  '',
  '\0',
  '\ud800',
  '__proto__',
  'constructor',
  '*',
  "' or 1=1 --",
  '%',
  '\u{1f600}',
  '-0',
  'a'.repeat(300),
];

/** Any JSON value, and now and then what only looks like one. */
function value(random: Random, known: Known, depth = 0): string {
  const kind = random.integer(0, depth > 4 ? 5 : 8);
  switch (kind) {
    case 0:
      return random.pick(['null', 'true', 'false']);
    case 1:
      return random.pick([
        '0',
        '-0',
        '1e999',
        '-1e-999',
        '9007199254740993',
        '0.1',
        '1E400',
        '01',
        'NaN',
        '-',
      ]);
    case 2:
    case 3:
      return JSON.stringify(random.pick([known.lobbyId, known.lobbyCode, known.token, known.cursor]));
    case 4:
    case 5:
      return JSON.stringify(random.pick(strangeTexts));
    case 6:
      return `[${random.times(4, () => value(random, known, depth + 1)).join()}]`;
    case 7:
      return `${'['.repeat(random.integer(1, 2000))}`;
    default:
      return object(random, known, depth + 1);
  }
}

const keys = [
  'type',
  'data',
  'id',
  'lobbyId',
  'lobbyCode',
  'token',
  '__proto__',
  'constructor',
  'pid',
  'offset',
  'toJSON',
  '_placeholder',
  'num',
];

function object(random: Random, known: Known, depth: number): string {
  const members = random.times(
    5,
    () => `${JSON.stringify(random.pick(keys))}:${value(random, known, depth)}`,
  );
  return `{${members.join()}}`;
}

const names = [
  'ping',
  'subscribe',
  'unsubscribe',
  'auth',
  'connect',
  'disconnect',
  'error',
  'lobby:event',
  '__proto__',
  'newListener',
];

function data(random: Random, known: Known): string {
  const likely = [
    JSON.stringify({ lobbyId: known.lobbyId }),
    JSON.stringify({ lobbyCode: known.lobbyCode }),
    JSON.stringify({ token: known.token }),
  ];
  return random.chance(0.5) ? random.pick(likely) : value(random, known);
}

/** A raw client's message. */
export function rawMessage(random: Random, known: Known): string {
  if (random.chance(0.1)) return value(random, known);
  const text = `{"type":${JSON.stringify(random.pick(names))},"id":${random.chance(0.7) ? '1' : value(random, known)},"data":${data(random, known)}}`;
  return random.chance(0.3) ? random.mutate(text) : text;
}

/** A packet of engine.io with one of Socket.IO in it, mostly. */
export function packet(random: Random, known: Known): string {
  const engine = random.pick([
    '4',
    '4',
    '4',
    '4',
    '4',
    '4',
    '0',
    '1',
    '2',
    '3',
    '5',
    '6',
    'b',
    '2probe',
    '7',
  ]);
  const kind = random.pick(['0', '1', '2', '2', '2', '2', '3', '4', '5', '6', '7']);
  const attachments =
    kind === '5' || kind === '6' ? random.pick(['0-', '1-', '2-', '10-', '11-', '1e9-', '-', '']) : '';
  const namespace = random.pick([
    '',
    '',
    '',
    '',
    '/,',
    '/admin,',
    '/__proto__,',
    '/',
    `/${'n'.repeat(500)},`,
  ]);
  const id = random.pick(['', '', '0', '1', '99', '9'.repeat(30), ' ']);
  const body =
    kind === '0'
      ? random.pick([
          `{"token":"${known.token}"}`,
          `{"token":"${known.token}","pid":"abcdefghijklmnop.x","offset":"${known.cursor}"}`,
          object(random, known, 0),
        ])
      : `[${[JSON.stringify(random.pick(names)), ...random.times(3, () => data(random, known))].join()}]`;
  const text = engine.startsWith('4') ? `4${kind}${attachments}${namespace}${id}${body}` : engine;
  return random.chance(0.25) ? random.mutate(text) : text;
}

/** One to a few frames around messages: right, or wrong in one of the ways there are. */
export function frames(random: Random, message: () => string): Buffer[] {
  return Array.from({ length: random.integer(1, 6) }, () => {
    if (random.chance(0.75)) return frame(message());
    const first = random.pick([
      0x81,
      0x01,
      0x00,
      0x80,
      0x82,
      0x88,
      0x89,
      0x8a,
      0x09,
      0x83,
      0xc1,
      0xf1,
      random.integer(0, 255),
    ]);
    const payload = random.chance(0.5) ? Buffer.from(message()) : random.bytes(200);
    const claims = random.pick([
      payload.length,
      payload.length,
      payload.length,
      0,
      125,
      126,
      65_535,
      65_536,
      2 ** 30,
      2n ** 63n - 1n,
      2n ** 64n - 1n,
    ]);
    return frame(payload, { first, claims, masked: random.chance(0.9) });
  });
}

const targets = [
  '/',
  '/socket.io/',
  '/socket.io',
  '//',
  '/metrics',
  '/healthz',
  '/nowhere',
  '/%',
  '*',
  'http://x/',
  '/\\',
];

function query(random: Random, known: Known): string {
  const parts = random.times(5, () =>
    random.pick([
      `token=${known.token}`,
      'EIO=4',
      'EIO=3',
      'transport=websocket',
      'transport=polling',
      'sid=',
      'sid=__proto__',
      'sid=x',
      'resume=1',
      `since=${known.cursor}`,
      'since=%00',
      'j=0',
      'b64=1',
      't=%ff',
      '%',
      '__proto__=1',
    ]),
  );
  return parts.length > 0 ? `?${parts.join('&')}` : '';
}

/** A request: an upgrade or not, whole or not. */
export function request(random: Random, known: Known): string {
  const target = random.pick(targets) + query(random, known);
  const odd = (): Record<string, string | null> =>
    random.pick<Record<string, string | null>>([
      {},
      {},
      { Upgrade: null },
      { Upgrade: 'h2c' },
      { Connection: 'close' },
      { 'Sec-WebSocket-Key': null },
      { 'Sec-WebSocket-Version': '8' },
      { 'Sec-WebSocket-Protocol': `hashi, bearer.${known.token}` },
      { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=99' },
      { Authorization: `Bearer ${known.token}` },
      { Authorization: `bearer\t${'x'.repeat(9000)}` },
      { Origin: 'https://evil.example.com' },
      { Origin: 'null' },
      { Host: '' },
      { 'X-Forwarded-For': ', ,,::1,%' },
      { 'Content-Length': '5' },
      { 'Transfer-Encoding': 'chunked' },
      { Expect: '100-continue' },
      { 'X-Filler': 'x'.repeat(20_000) },
    ]);
  const text = upgrade(target, { ...odd(), ...odd() }).replace(
    /^GET/,
    random.pick(['GET', 'GET', 'GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'CONNECT', 'get']),
  );
  return random.chance(0.3) ? random.mutate(text) : text;
}
