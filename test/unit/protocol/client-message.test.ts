import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFrame, parseMessage, type Parsed } from '../../../src/protocol/client-message.js';

const parse = (message: unknown) => parseFrame(JSON.stringify(message));
const invalid = { ok: false, code: 'INVALID_MESSAGE' };

/** Values that a hostile client would put anywhere. */
const hostile = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'ping',
    'subscribe',
    'auth',
  ),
);
const keys = fc.constantFrom(
  'type',
  'data',
  'id',
  'lobbyId',
  'lobbyCode',
  'token',
  '__proto__',
  'constructor',
  'toString',
);

function wellFormed(parsed: Parsed): void {
  const id = parsed.ok ? parsed.message.id : parsed.id;
  expect(['string', 'number', 'undefined']).toContain(typeof id);
  if (!parsed.ok) {
    expect(['INVALID_MESSAGE', 'UNKNOWN_TYPE']).toContain(parsed.code);
    return;
  }
  const { message } = parsed;
  expect(['ping', 'subscribe', 'unsubscribe', 'auth']).toContain(message.type);
  if ('lobby' in message) {
    expect(typeof message.lobby).toBe('string');
    expect(message.lobby).not.toBe('');
    expect(message.lobby.isWellFormed() && !message.lobby.includes('\0')).toBe(true);
  }
  if ('token' in message) expect(typeof message.token).toBe('string');
}

describe('parseFrame()', () => {
  it('takes any text and never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => wellFormed(parseFrame(text))));
    fc.assert(fc.property(fc.json(), (text) => wellFormed(parseFrame(text))));
  });

  it('takes any JSON with the protocol’s keys anywhere', () => {
    fc.assert(
      fc.property(fc.dictionary(keys, fc.oneof(hostile, fc.dictionary(keys, hostile))), (message) =>
        wellFormed(parseFrame(JSON.stringify(message))),
      ),
      { numRuns: 500 },
    );
  });

  it('never takes what is inherited for the client’s', () => {
    expect(parseFrame('{"__proto__":{"type":"ping"}}')).toEqual(invalid);
    expect(parseFrame('{"type":"subscribe","__proto__":{"lobbyId":"x"}}')).toEqual(invalid);
    expect(parseFrame('{"type":"subscribe","data":{"__proto__":{"lobbyId":"x"}}}')).toEqual(invalid);
    for (const type of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf']) {
      expect(parse({ type })).toEqual({ ok: false, code: 'UNKNOWN_TYPE' });
    }
    Object.assign(Object.prototype, { lobbyId: 'polluted' });
    try {
      expect(parseFrame('{"type":"subscribe"}')).toEqual(invalid);
      expect(parseFrame('{"type":"ping"}')).toEqual({ ok: true, message: { type: 'ping' } });
    } finally {
      Reflect.deleteProperty(Object.prototype, 'lobbyId');
    }
  });

  it.each(['', '[]', 'null', '1', '"ping"', '{', '{"data":{}}', '{"type":1}', '{"type":null}', '\u0000'])(
    'refuses %j as invalid',
    (text) => expect(parseFrame(text)).toEqual(invalid),
  );

  it('reads every message as it was meant', () => {
    const id = fc.option(
      fc.oneof(
        fc.string({ maxLength: 256 }),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
      ),
      { nil: undefined },
    );
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
      .filter((text) => !text.includes('\0') && text.isWellFormed() && text.length <= 256);
    fc.assert(
      fc.property(
        fc.constantFrom('subscribe', 'unsubscribe'),
        name,
        fc.constantFrom('lobbyId', 'lobbyCode'),
        fc.boolean(),
        id,
        (type, lobby, key, beside, requestId) => {
          const parsed = parse({
            type,
            ...(beside ? { [key]: lobby } : { data: { [key]: lobby } }),
            id: requestId,
          });
          const expected =
            requestId === undefined ? {} : { id: JSON.parse(JSON.stringify(requestId)) as unknown };
          expect(parsed).toEqual({ ok: true, message: { type, lobby, ...expected } });
        },
      ),
    );
    expect(parse({ type: 'ping', data: null, id: 0 })).toEqual({
      ok: true,
      message: { type: 'ping', id: 0 },
    });
    expect(parse({ type: 'auth', data: { token: 't' } })).toEqual({
      ok: true,
      message: { type: 'auth', token: 't' },
    });
  });

  it.each([
    { type: 'subscribe' },
    { type: 'subscribe', data: {} },
    { type: 'subscribe', data: { lobbyId: '' } },
    { type: 'subscribe', data: { lobbyId: 1 } },
    { type: 'subscribe', data: { lobbyId: ['a'] } },
    { type: 'subscribe', data: { lobbyId: 'a\0b' } },
    { type: 'subscribe', data: { lobbyId: 'x'.repeat(257) } },
    { type: 'subscribe', data: ['a'] },
    { type: 'subscribe', data: 'a' },
    { type: 'auth' },
    { type: 'auth', data: { token: 1 } },
    { type: 'ping', id: {} },
    { type: 'ping', id: null },
    { type: 'ping', id: true },
    { type: 'ping', id: 'x'.repeat(257) },
    { type: 'ping', data: 1 },
  ])('refuses %j as invalid', (message) => {
    expect(parse(message)).toMatchObject(invalid);
  });

  it('refuses half a character', () => {
    expect(parseFrame('{"type":"subscribe","data":{"lobbyId":"\\ud800"}}')).toEqual(invalid);
  });

  it('repeats the id of what it refuses', () => {
    expect(parse({ type: 'dance', id: 'a' })).toEqual({ ok: false, code: 'UNKNOWN_TYPE', id: 'a' });
    expect(parse({ type: 'subscribe', id: 3 })).toEqual({ ...invalid, id: 3 });
    expect(parse({ id: 3 })).toEqual({ ...invalid, id: 3 });
  });
});

describe('parseMessage()', () => {
  it('takes any name and data, and never throws', () => {
    fc.assert(fc.property(fc.string(), fc.anything(), (type, data) => wellFormed(parseMessage(type, data))));
  });

  it('hands messages of the embedding program on as they are', () => {
    const custom = new Set(['chat']);
    expect(parseMessage('chat', { any: 1 }, { id: 5 }, custom)).toEqual({
      ok: true,
      message: { type: 'custom', name: 'chat', data: { any: 1 }, id: 5 },
    });
    expect(parseMessage('chat', {})).toEqual({ ok: false, code: 'UNKNOWN_TYPE' });
  });
});
