/** Makes what clients may say, nearly: mostly in the right shape, so that it gets past the first check. */
import { constants, deflateRawSync } from 'node:zlib';
import { frame } from '../wire.js';
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
        '9'.repeat(random.integer(100, 5000)),
        `1e${'9'.repeat(400)}`,
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
      return deep(random);
    default:
      return object(random, known, depth + 1);
  }
}

/** Opened thousands of times, and closed again or not. */
function deep(random: Random): string {
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"data":', '}]'],
  ] as const);
  const depth = random.integer(1, 2000);
  return open.repeat(depth) + random.pick(['', '1', '""']) + close.repeat(random.chance(0.5) ? depth : 0);
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

/** Bytes that are no UTF-8: cut short, too long for what they say, half of a pair, beyond the last character. */
const noText = ['c328', 'e282', 'c080', 'eda080', 'edb080', 'f4908080', 'f0808080', 'ff', '80'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

/** A compressed payload (RFC 7692), a wrong one, or one that becomes a thousand times as large. */
function deflated(random: Random, message: () => string): Buffer {
  const whole = random.chance(0.2) ? Buffer.alloc(random.integer(1, 4) << 20) : Buffer.from(message());
  const packed = deflateRawSync(whole, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  return random.chance(0.7) ? packed : Buffer.from(random.mutate(packed.toString('latin1')), 'latin1');
}

/** A message in thousands of pieces, empty or nearly, ended or not. */
function shredded(random: Random, message: () => string): Buffer {
  const pieces = [frame(message().slice(0, 1), { first: random.pick([0x01, 0x02]) })];
  const piece = frame(random.pick(['', 'x']), { first: 0x00 });
  for (let left = random.integer(1, 10_000); left > 0; left--) pieces.push(piece);
  if (random.chance(0.5)) pieces.push(frame('"', { first: 0x80 }));
  return Buffer.concat(pieces);
}

/** One to a few frames around messages: right, or wrong in one of the ways there are. */
export function frames(random: Random, message: () => string): Buffer[] {
  return Array.from({ length: random.integer(1, 6) }, () => {
    if (random.chance(0.7)) return frame(message());
    if (random.chance(0.05)) return shredded(random, message);
    if (random.chance(0.2))
      return frame(deflated(random, message), { first: random.pick([0xc1, 0xc1, 0x41]) });
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
    const payload = random.pick([
      () => Buffer.from(message()),
      () => random.bytes(200),
      () => Buffer.concat([Buffer.from('"'), random.pick(noText), Buffer.from('"')]),
    ])();
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
