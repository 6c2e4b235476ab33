/** What clients ask for, in every form it may take, and the answers. */
import { describe, expect, it } from 'vitest';
import { ioClient, rawClient } from '../support/clients.js';
import { drivers, pollingDriver, websocketDriver } from './drivers.js';
import { roomEvents, somebody, useWorld, type Lobby } from './world.js';

const world = useWorld();
const isoTimestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The ways to name a lobby in `data`. */
const names: { form: string; of: (lobby: Lobby) => Record<string, unknown> }[] = [
  { form: 'lobbyId, a UUID', of: ({ id }) => ({ lobbyId: id }) },
  { form: 'lobbyId, a UUID in capitals', of: ({ id }) => ({ lobbyId: id.toUpperCase() }) },
  { form: 'lobbyId, a code', of: ({ code }) => ({ lobbyId: code }) },
  { form: 'lobbyCode, a code', of: ({ code }) => ({ lobbyCode: code }) },
  { form: 'lobbyCode, a UUID', of: ({ id }) => ({ lobbyCode: id }) },
];

describe.each(drivers)('requests: $name', (driver) => {
  it('answers ping with pong', async () => {
    const client = await world.open(driver, somebody());
    client.say('ping');
    const { data } = await client.next('pong');
    expect(data).toStrictEqual({ timestamp: data.timestamp });
    expect(data.timestamp).toMatch(isoTimestamp);
  });

  it('answers a ping whose data says something, or is null', async () => {
    const client = await world.open(driver, somebody());
    for (const data of [{}, { anything: 1 }, null]) {
      client.say('ping', data);
      await client.next('pong');
    }
  });

  it.each(names)('subscribes and unsubscribes by $form', async ({ of }) => {
    const client = await world.open(driver, somebody());
    const lobby = await world.lobby({ visibility: 'public' });
    await world.file(lobby.id);
    expect(await client.ask('subscribe', of(lobby))).toStrictEqual({ ok: true });
    const file = await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[file]]);
    expect(await client.ask('unsubscribe', of(lobby))).toStrictEqual({ ok: true });
    await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[]]);
  });

  it('says nothing to a subscribe or unsubscribe that worked and asked for no answer', async () => {
    const client = await world.open(driver, somebody());
    const lobby = await world.lobby({ visibility: 'public' });
    client.say('subscribe', { lobbyId: lobby.id });
    await client.done();
    const file = await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[file]]);
    client.say('unsubscribe', { lobbyId: lobby.id });
    await client.done();
    await world.file(lobby.id);
    const [seen = []] = await world.settle(client);
    expect(seen.map(({ data }) => data.type).filter(Boolean)).toEqual(['contract.created']);
    expect(client.messages.filter(({ type }) => type === 'error')).toEqual([]);
  });

  it('counts a lobby subscribed to twice once', async () => {
    const client = await world.open(driver, somebody());
    const lobby = await world.lobby({ visibility: 'public' });
    await client.ask('subscribe', { lobbyId: lobby.id });
    await client.ask('subscribe', { lobbyCode: lobby.code });
    const file = await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[file]]);
    await client.ask('unsubscribe', { lobbyId: lobby.id });
    await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[]]);
  });

  it('carries out what is asked in the order it was asked', async () => {
    const client = await world.open(driver, somebody());
    const lobby = await world.lobby({ visibility: 'public' });
    for (const type of ['subscribe', 'unsubscribe', 'subscribe']) client.say(type, { lobbyId: lobby.id });
    await client.done();
    const file = await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[file]]);
  });

  it('tells an error as an event when no answer was asked for', async () => {
    const client = await world.open(driver, somebody());
    client.say('subscribe', { lobbyCode: 'nobody has this code' });
    const { data } = await client.next('error');
    expect(data).toStrictEqual({ message: expect.any(String), code: 'SUBSCRIBE_DENIED' });
  });

  it('takes messages that were sent before the greeting', async () => {
    const lobby = await world.lobby({ visibility: 'public' });
    const client = await world.connect(driver, somebody());
    await client.writable;
    client.say('subscribe', { lobbyId: lobby.id });
    await client.next('connected');
    await client.done();
    const file = await world.file(lobby.id);
    expect((await world.settle(client)).map(roomEvents)).toEqual([[file]]);
  });
});

describe('requests: raw WebSocket', () => {
  const open = async () => {
    const client = world.keep(rawClient(world.server, await world.server.token(somebody())));
    await client.next('connected');
    return client;
  };

  it.each([{ id: 'an id' }, { id: '' }, { id: 7 }, { id: 0 }, { id: -1.5 }])(
    'repeats the id $id in an ack, a pong and an error',
    async ({ id }) => {
      const client = await open();
      const lobby = await world.lobby({ visibility: 'public' });
      client.send({ type: 'subscribe', id, data: { lobbyId: lobby.id } });
      expect(await client.next()).toStrictEqual({ type: 'ack', data: { id } });
      client.send({ type: 'unsubscribe', id, data: { lobbyId: lobby.id } });
      expect(await client.next()).toStrictEqual({ type: 'ack', data: { id } });
      client.send({ type: 'ping', id });
      const pong = await client.next();
      expect(pong).toStrictEqual({ type: 'pong', data: { id, timestamp: pong.data.timestamp } });
      for (const [type, code] of [
        ['subscribe', 'INVALID_MESSAGE'],
        ['dance', 'UNKNOWN_TYPE'],
      ]) {
        client.send({ type, id });
        const error = await client.next();
        expect(error).toStrictEqual({ type: 'error', data: { message: error.data.message, code, id } });
      }
      client.send({ type: 'subscribe', id, data: { lobbyId: 'not there' } });
      expect((await client.next('error')).data).toMatchObject({ code: 'SUBSCRIBE_DENIED', id });
    },
  );

  it.each(names)('takes $form beside type', async ({ of }) => {
    const client = await open();
    const lobby = await world.lobby({ visibility: 'public' });
    client.send({ type: 'subscribe', id: 1, ...of(lobby) });
    expect(await client.next()).toStrictEqual({ type: 'ack', data: { id: 1 } });
    const file = await world.file(lobby.id);
    expect((await client.next('storage:event')).data.storageId).toBe(file);
    client.send({ type: 'unsubscribe', id: 2, ...of(lobby) });
    expect((await client.next('ack')).data).toStrictEqual({ id: 2 });
  });

  it('takes a fresh token beside type, too', async () => {
    const player = somebody();
    const client = world.keep(rawClient(world.server, await world.server.token(player)));
    await client.next('connected');
    client.send({ type: 'auth', id: 1, token: await world.server.token(player) });
    expect(await client.next('ack')).toStrictEqual({ type: 'ack', data: { id: 1 } });
  });
});

describe.each([websocketDriver, pollingDriver])('acknowledgements: $name', ({ name }) => {
  const open = async () => {
    const transports = [name.split(' ').at(-1) as string];
    const client = world.keep(ioClient(world.server, await world.server.token(somebody()), { transports }));
    await client.next('connected');
    return client.socket.timeout(20_000);
  };

  it('acknowledges what worked with ok', async () => {
    const socket = await open();
    const lobby = await world.lobby({ visibility: 'public' });
    expect(await socket.emitWithAck('subscribe', { lobbyId: lobby.id })).toStrictEqual({ ok: true });
    const pong = await socket.emitWithAck('ping');
    expect(pong).toStrictEqual({ ok: true, timestamp: pong.timestamp });
    expect(pong.timestamp).toMatch(isoTimestamp);
  });

  it.each([
    { type: 'subscribe', data: { lobbyCode: 'not there' }, code: 'SUBSCRIBE_DENIED' },
    { type: 'subscribe', data: {}, code: 'INVALID_MESSAGE' },
    { type: 'dance', data: {}, code: 'UNKNOWN_TYPE' },
  ])('acknowledges $code for $type, and sends no event besides', async ({ type, data, code }) => {
    const client = world.keep(ioClient(world.server, await world.server.token(somebody())));
    await client.next('connected');
    const answer = await client.socket.timeout(20_000).emitWithAck(type, data);
    expect(answer).toStrictEqual({ ok: false, error: { message: answer.error.message, code } });
    client.socket.emit('ping');
    await client.next('pong');
    expect(client.messages.filter((message) => message.type === 'error')).toEqual([]);
  });
});
