/** Frames and JSON that are wrong in every way there is: the sender is told or closed, and nobody else notices. */
import { describe, expect, it } from 'vitest';
import { drivers } from '../conformance/drivers.js';
import { rawClient } from '../support/clients.js';
import { server, token, watchBystander } from './bystander.js';
import { closeCodeIn, engineWire, frame, rawWire, socketIoWire } from './wire.js';

watchBystander({ HASHI_MESSAGE_BURST: '1000' });

const gigabyte = 2 ** 30;
const frames: [string, Buffer, number][] = [
  ...[0xc1, 0xa1, 0x91, 0xf1].map((first): [string, Buffer, number] => [
    `reserved bits 0x${first.toString(16)}`,
    frame('"x"', { first }),
    1002,
  ]),
  ...[0x83, 0x84, 0x85, 0x86, 0x87, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f].map((first): [string, Buffer, number] => [
    `reserved opcode 0x${first.toString(16)}`,
    frame('', { first }),
    1002,
  ]),
  ['no mask', frame('{"type":"ping"}', { masked: false }), 1002],
  ['a length of a gigabyte', frame('x', { claims: gigabyte }), 1009],
  ['a length of 2^63', frame('x', { claims: 2n ** 63n - 1n }), 1009],
  ['a length with its first bit set', frame('x', { claims: 2n ** 63n }), 1009],
  ['a message over the limit', frame(`"${'x'.repeat(16 << 10)}"`), 1009],
  [
    'a message over the limit, in two halves',
    Buffer.concat([frame('x'.repeat(9 << 10), { first: 0x01 }), frame('x'.repeat(9 << 10), { first: 0x80 })]),
    1009,
  ],
  ['text that is no UTF-8', frame(Buffer.from([0xc3, 0x28])), 1007],
  ['UTF-8 that ends halfway', frame(Buffer.from([0xe2, 0x82])), 1007],
  ['an encoded surrogate', frame(Buffer.from([0xed, 0xa0, 0x80])), 1007],
  ['a ping in pieces', frame('', { first: 0x09 }), 1002],
  ['a ping over 125 bytes', frame('x'.repeat(126), { first: 0x89 }), 1002],
  ['a piece of nothing', frame('x', { first: 0x80 }), 1002],
  ['a message inside a message', Buffer.concat([frame('"', { first: 0x01 }), frame('"x"')]), 1002],
  ['a close of one byte', frame('x', { first: 0x88 }), 1002],
  ['a close with a code there is not', frame(Buffer.from([0x03, 0xed]), { first: 0x88 }), 1002],
  ['a close whose reason is no UTF-8', frame(Buffer.from([0x03, 0xe8, 0xc3, 0x28]), { first: 0x88 }), 1007],
];

describe('frames', () => {
  it.each(frames)('closes a raw client for %s', async (_what, bytes, code) => {
    const wire = await rawWire(server, token);
    wire.send(bytes);
    expect(closeCodeIn(await wire.over)).toBe(code);
  });

  it.each(frames)('closes a Socket.IO client for %s', async (_what, bytes) => {
    for (const wire of [await engineWire(server), await socketIoWire(server, token)]) {
      wire.send(bytes);
      await wire.over;
    }
  });

  it('says nothing of itself in the reason', async () => {
    const client = rawClient(server, token);
    await client.next('connected');
    client.ws.send('x'.repeat(20_000));
    expect(await client.closed).toEqual({ code: 1009, reason: '' });
  });
});

const deep = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);

describe('JSON', () => {
  it.each([
    ['nothing', '', 'INVALID_MESSAGE'],
    ['no JSON', '{type:ping}', 'INVALID_MESSAGE'],
    ['half of it', '{"type":"ping"', 'INVALID_MESSAGE'],
    ['two of them', '{"type":"ping"}{"type":"ping"}', 'INVALID_MESSAGE'],
    ['a byte order mark', '\ufeff{"type":"ping"}', 'INVALID_MESSAGE'],
    ['null', 'null', 'INVALID_MESSAGE'],
    ['a number', '1e999', 'INVALID_MESSAGE'],
    ['a text', '"ping"', 'INVALID_MESSAGE'],
    ['an array', '[{"type":"ping"}]', 'INVALID_MESSAGE'],
    ['deep arrays', deep('[', ']', 8000), 'INVALID_MESSAGE'],
    ['deep objects', `${'{"a":'.repeat(2500)}1${'}'.repeat(2500)}`, 'INVALID_MESSAGE'],
    ['deep data', `{"type":"subscribe","data":${deep('[', ']', 7000)}}`, 'INVALID_MESSAGE'],
    ['an inherited type', '{"__proto__":{"type":"ping"}}', 'INVALID_MESSAGE'],
    ['an inherited lobby', '{"type":"subscribe","data":{"__proto__":{"lobbyId":"x"}}}', 'INVALID_MESSAGE'],
    ['a type that objects have', '{"type":"__proto__"}', 'UNKNOWN_TYPE'],
    ['another one', '{"type":"constructor"}', 'UNKNOWN_TYPE'],
    ['a type of the server', '{"type":"lobby:event","data":{}}', 'UNKNOWN_TYPE'],
    ['a reserved name', '{"type":"disconnect"}', 'UNKNOWN_TYPE'],
    ['an error', '{"type":"error","data":{"message":"x"}}', 'UNKNOWN_TYPE'],
    ['a listener', '{"type":"newListener"}', 'UNKNOWN_TYPE'],
    ['a type with a NUL', '{"type":"ping\\u0000"}', 'UNKNOWN_TYPE'],
    ['a type that is a list', '{"type":["ping"]}', 'INVALID_MESSAGE'],
    ['an endless id', '{"type":"ping","id":1e999}', 'INVALID_MESSAGE'],
    ['an id that is an object', '{"type":"ping","id":{}}', 'INVALID_MESSAGE'],
    ['a very long id', `{"type":"ping","id":"${'x'.repeat(300)}"}`, 'INVALID_MESSAGE'],
    ['a lobby with a NUL', '{"type":"subscribe","data":{"lobbyId":"a\\u0000b"}}', 'INVALID_MESSAGE'],
    [
      'a lobby that is half a character',
      '{"type":"subscribe","data":{"lobbyId":"\\ud800"}}',
      'INVALID_MESSAGE',
    ],
    [
      'a lobby that is an object',
      '{"type":"subscribe","data":{"lobbyId":{"toString":1}}}',
      'INVALID_MESSAGE',
    ],
    ['a lobby that is SQL', `{"type":"subscribe","data":{"lobbyId":"' or true --"}}`, 'SUBSCRIBE_DENIED'],
    ['a lobby that is a pattern', '{"type":"subscribe","data":{"lobbyCode":"%"}}', 'SUBSCRIBE_DENIED'],
    ['a lobby that is everyone', '{"type":"subscribe","data":{"lobbyId":"*"}}', 'SUBSCRIBE_DENIED'],
    [
      "a lobby that is a player's room",
      '{"type":"subscribe","data":{"lobbyId":"player:p1"}}',
      'SUBSCRIBE_DENIED',
    ],
  ])('answers %s with a code and goes on', async (_what, text, code) => {
    const client = rawClient(server, token);
    await client.next('connected');
    client.send(text);
    client.send({ type: 'unsubscribe', data: { lobbyCode: 'nobody' }, id: 'done' });
    const [answer, ...rest] = await client.until('ack');
    expect(answer).toMatchObject({ type: 'error', data: { code } });
    expect(rest).toHaveLength(1);
    client.close();
  });

  it('takes the last of two equal keys, as JSON.parse does', async () => {
    const client = rawClient(server, token);
    await client.next('connected');
    client.send('{"type":"subscribe","type":"ping"}');
    expect(await client.next()).toMatchObject({ type: 'pong' });
    client.close();
  });

  it('answers a binary message with INVALID_MESSAGE', async () => {
    const client = rawClient(server, token);
    await client.next('connected');
    client.ws.send(Buffer.from('{"type":"ping"}'));
    expect(await client.next()).toMatchObject({ type: 'error', data: { code: 'INVALID_MESSAGE' } });
    client.close();
  });
});

it.each(drivers)(
  'answers each of a hundred bad messages, and a good one after them: $name',
  async (driver) => {
    const client = driver.connect(server, token);
    await client.next('connected');
    for (let turn = 0; turn < 100; turn++) client.say(`nothing-${turn}`, { turn });
    await client.done();
    expect(client.messages.filter(({ data }) => data?.code === 'UNKNOWN_TYPE')).toHaveLength(100);
    client.close();
  },
);
