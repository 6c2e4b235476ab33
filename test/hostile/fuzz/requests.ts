/** Makes requests: upgrades and polls, nearly right, doubled, oversized, cut short. */
import { upgrade } from '../wire.js';
import type { Known } from './grammar.js';
import type { Random } from './random.js';

const targets = [
  '/',
  '/socket.io/',
  '/socket.io',
  '//',
  '//evil.example/socket.io/',
  '/socket.io//',
  '/./socket.io/../',
  '/%73ocket.io/',
  '/metrics',
  '/healthz',
  '/development/token',
  '/nowhere',
  '/%',
  '/%zz%',
  '/%c0%ae%c0%ae/',
  '*',
  'http://x/',
  'http:///socket.io/',
  '/\\',
];

function query(random: Random, known: Known): string {
  const parts = random.times(5, () =>
    random.pick([
      `token=${known.token}`,
      `token=${'%41'.repeat(2000)}`,
      'EIO=4',
      'EIO=3',
      'transport=websocket',
      'transport=polling',
      'sid=',
      'sid=__proto__',
      'sid=x',
      'sid[]=x&sid=y',
      'resume=1',
      `since=${known.cursor}`,
      'since=%00',
      'j=0',
      'b64=1',
      't=%ff',
      '%',
      '%E0%A4%A',
      '__proto__=1',
    ]),
  );
  return parts.length > 0 ? `?${parts.join('&')}` : '';
}

const odd = (random: Random, known: Known): Record<string, string | null> =>
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
    { 'Sec-WebSocket-Extensions': `permessage-deflate${', permessage-deflate'.repeat(300)}` },
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

/** Lines that are there a second time, folded, without a name, or hidden from one of two that read them. */
const doubled = [
  'Host: evil.example.com',
  'Upgrade: websocket',
  'Connection: close, upgrade',
  'Origin: https://evil.example.com',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: hashi',
  'Content-Length: 5',
  'Content-Length: 6',
  'Content-Length: +5',
  'Content-Length : 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: xchunked, identity',
  'Transfer-Encoding:\tchunked',
  ' folded: line',
  ': no name',
  'no colon',
  'X-Long: ' + 'y'.repeat(4000),
];

/** A request: an upgrade or not, whole or not. */
export function request(random: Random, known: Known): string {
  const target = random.pick(targets) + query(random, known);
  const lines = upgrade(target, { ...odd(random, known), ...odd(random, known) })
    .replace(/^GET/, random.pick(['GET', 'GET', 'GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'CONNECT', 'get']))
    .split('\r\n');
  if (random.chance(0.3)) {
    for (const line of random.times(3, () => random.pick(doubled))) {
      lines.splice(random.integer(1, lines.length - 2), 0, line);
    }
  }
  if (random.chance(0.05)) {
    // More than a parser keeps, or thousands of small ones.
    for (let left = random.integer(100, 3000); left > 0; left--) lines.splice(1, 0, `X-${left}: ${left}`);
  }
  const text = lines.join(random.chance(0.95) ? '\r\n' : '\n');
  return random.chance(0.3) ? random.mutate(text) : text;
}

/** The text of a poll or a post of a session, with a body whose length and chunks are right, or not. */
export function poll(random: Random, path: string, body: string): string {
  const method = random.pick(['POST', 'POST', 'POST', 'GET', 'OPTIONS', 'PUT']);
  const length = Buffer.byteLength(body);
  const type = random.pick([
    'text/plain;charset=UTF-8',
    'text/plain; charset=utf-16',
    'application/octet-stream',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '',
  ]);
  const framed = random.pick([
    () => `Content-Length: ${length}\r\n\r\n${body}`,
    () => `Content-Length: ${length}\r\n\r\n${body}`,
    () => `Content-Length: ${random.pick([0, 1, length + 50, 2 ** 30, -1])}\r\n\r\n${body}`,
    () => `Transfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    () => `Transfer-Encoding: chunked\r\n\r\n${random.pick(['ffffffff', '-1', 'zz', '5;x=y'])}\r\n${body}`,
    () => `Content-Length: ${length}\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
    () => `Content-Encoding: gzip\r\nContent-Length: ${length}\r\n\r\n${body}`,
  ])();
  return `${method} ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\n${framed}`;
}
