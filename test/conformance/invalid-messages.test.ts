/** Messages that are no messages: told, and the connection stays open. */
import { describe, expect, it } from 'vitest';
import { ioClient, rawClient } from '../support/clients.js';
import { drivers } from './drivers.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();

const wrongShapes: { what: string; type: string; data?: unknown }[] = [
  { what: 'subscribe without data', type: 'subscribe' },
  { what: 'subscribe with empty data', type: 'subscribe', data: {} },
  { what: 'subscribe with data null', type: 'subscribe', data: null },
  { what: 'subscribe with a text as data', type: 'subscribe', data: 'ABC123' },
  { what: 'subscribe with an array as data', type: 'subscribe', data: ['ABC123'] },
  { what: 'a lobbyId that is a number', type: 'subscribe', data: { lobbyId: 7 } },
  { what: 'a lobbyId that is null', type: 'subscribe', data: { lobbyId: null } },
  { what: 'a lobbyId that is empty', type: 'subscribe', data: { lobbyId: '' } },
  { what: 'a lobbyId that is an object', type: 'unsubscribe', data: { lobbyId: { $ne: '' } } },
  { what: 'a lobbyCode with a NUL', type: 'subscribe', data: { lobbyCode: 'A\0B' } },
  { what: 'a lobbyCode that is far too long', type: 'subscribe', data: { lobbyCode: 'A'.repeat(5000) } },
  { what: 'unsubscribe without data', type: 'unsubscribe' },
  { what: 'auth without a token', type: 'auth', data: {} },
  { what: 'ping with a number as data', type: 'ping', data: 5 },
];

describe.each(drivers)('invalid messages: $name', (driver) => {
  it.each(wrongShapes)('tells INVALID_MESSAGE for $what, and stays open', async ({ type, data }) => {
    const client = await world.open(driver, somebody());
    client.say(type, data);
    const error = await client.next('error');
    expect(error.data).toStrictEqual({ message: expect.any(String), code: 'INVALID_MESSAGE' });
    expect(await client.ask('ping')).toMatchObject({ ok: true });
    expect(await world.settle(client)).toEqual([expect.not.arrayContaining([error])]);
  });

  it.each(['dance', 'contract:event', 'connected', '__proto__', 'toString', ''])(
    'tells UNKNOWN_TYPE for "%s", and stays open',
    async (type) => {
      const client = await world.open(driver, somebody());
      client.say(type, {});
      expect((await client.next('error')).data).toStrictEqual({
        message: expect.any(String),
        code: 'UNKNOWN_TYPE',
      });
      expect(await client.ask('ping')).toMatchObject({ ok: true });
    },
  );
});

describe('invalid messages: raw frames', () => {
  it.each([
    ['text that is no JSON', 'hello'],
    ['nothing', ''],
    ['half a message', '{"type":"ping"'],
    ['an array', '[{"type":"ping"}]'],
    ['a text', '"ping"'],
    ['a number', '7'],
    ['null', 'null'],
    ['no type', '{"data":{}}'],
    ['a type that is no text', '{"type":7}'],
    ['an id that is an object', '{"type":"ping","id":{}}'],
    ['an id that is null', '{"type":"ping","id":null}'],
    ['an id that is far too long', `{"type":"ping","id":"${'x'.repeat(1000)}"}`],
    ['a binary frame', Buffer.from('{"type":"ping"}')],
    ['an empty binary frame', Buffer.alloc(0)],
  ])('tells INVALID_MESSAGE for %s, and stays open', async (_what, frame) => {
    const client = world.keep(rawClient(world.server, await world.server.token(somebody())));
    await client.next('connected');
    client.ws.send(frame);
    expect(await client.next()).toStrictEqual({
      type: 'error',
      data: { message: expect.any(String), code: 'INVALID_MESSAGE' },
    });
    client.send({ type: 'ping' });
    expect((await client.next()).type).toBe('pong');
  });
});

describe('invalid messages: Socket.IO attachments', () => {
  it.each(['websocket', 'polling'])('tells INVALID_MESSAGE for binary by %s, and stays open', async (by) => {
    const token = await world.server.token(somebody());
    const client = world.keep(ioClient(world.server, token, { transports: [by] }));
    await client.next('connected');
    for (const type of ['subscribe', 'ping']) {
      client.socket.emit(type, Buffer.from('ABC123'));
      expect((await client.next()).data).toMatchObject({ code: 'INVALID_MESSAGE' });
    }
    client.socket.emit('ping');
    expect((await client.next()).type).toBe('pong');
  });
});
