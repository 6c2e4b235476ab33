/** Limits of a connection and of a player: told with their code, and closed where the protocol says so. */
import { describe, expect, it } from 'vitest';
import { rawClient } from '../support/clients.js';
import { drivers, pollingDriver, rawDriver, websocketDriver } from './drivers.js';
import { roomEvents, somebody, useWorld } from './world.js';

const burst = 20;
const maxMessageBytes = 4096;
const world = useWorld({
  HASHI_MAX_SUBSCRIPTIONS: '2',
  HASHI_MAX_CONNECTIONS_PER_PLAYER: '3',
  HASHI_MESSAGES_PER_SECOND: '1',
  HASHI_MESSAGE_BURST: String(burst),
  HASHI_MAX_MESSAGE_BYTES: String(maxMessageBytes),
});

const errorsOf = (messages: readonly { type: string; data: any }[]) =>
  messages.filter(({ type }) => type === 'error').map(({ data }) => data.code as string);

describe.each(drivers)('limits: $name', (driver) => {
  it('tells TOO_MANY_SUBSCRIPTIONS over the limit; the others hold, and one given up makes room', async () => {
    const client = await world.open(driver, somebody());
    const lobbies = [];
    for (let at = 0; at < 3; at++) lobbies.push(await world.lobby({ visibility: 'public' }));
    const [first, second, third] = lobbies;
    for (const lobby of [first, second]) {
      expect(await client.ask('subscribe', { lobbyId: lobby?.id })).toEqual({ ok: true });
    }
    expect(await client.ask('subscribe', { lobbyId: third?.id })).toStrictEqual({
      ok: false,
      error: { message: expect.any(String), code: 'TOO_MANY_SUBSCRIPTIONS' },
    });
    expect(await client.ask('subscribe', { lobbyId: first?.id })).toEqual({ ok: true });
    const files = [];
    for (const lobby of lobbies) files.push(await world.file(lobby.id));
    expect((await world.settle(client)).map(roomEvents)).toEqual([files.slice(0, 2)]);
    await client.ask('unsubscribe', { lobbyId: first?.id });
    expect(await client.ask('subscribe', { lobbyId: third?.id })).toEqual({ ok: true });
  });

  it('refuses a player one connection too many with TOO_MANY_CONNECTIONS, until another is gone', async () => {
    const player = somebody();
    const held = [];
    // The limit counts connections, however they are made.
    for (const each of [rawDriver, websocketDriver, pollingDriver]) {
      held.push(await world.open(each, player));
    }
    const refused = await world.connect(driver, player);
    expect((await refused.refused).code).toBe('TOO_MANY_CONNECTIONS');
    if (driver === rawDriver) expect(await refused.ended).toEqual({ code: 4429 });
    expect(refused.messages.filter(({ type }) => type === 'connected')).toEqual([]);
    refused.close();
    expect(await world.settle(...held)).toEqual([[], [], []]);
    await world.open(driver, somebody());
  });

  it('tells RATE_LIMITED once and stays open if the client then rests', async () => {
    const client = await world.open(driver, somebody());
    for (let at = 0; at < burst + 3; at++) client.say('ping');
    const seen = await client.until('error');
    expect(errorsOf(seen)).toEqual(['RATE_LIMITED']);
    // Each had its answer until then; more only if the machine was slow enough to earn one.
    expect(seen.filter(({ type }) => type === 'pong').length).toBeGreaterThanOrEqual(burst);
    expect((await world.settle(client)).map(errorsOf)).toEqual([[]]);
  });

  it('closes with 4429 a client that goes on after it was told', async () => {
    const client = await world.open(driver, somebody());
    for (let at = 0; at < burst * 4; at++) client.say('ping');
    expect(await client.ended).toEqual(driver.ending(4429));
    expect(errorsOf(client.messages)).toEqual(['RATE_LIMITED']);
  });

  it('takes a message of nearly the largest size, and ends the connection of one that is larger', async () => {
    const client = await world.open(driver, somebody());
    // Nobody has such a long name, but it is read.
    client.say('subscribe', { lobbyCode: 'x'.repeat(maxMessageBytes - 200) });
    expect((await client.next('error')).data.code).toBe('INVALID_MESSAGE');
    client.say('subscribe', { lobbyCode: 'x'.repeat(maxMessageBytes + 1) });
    expect(await client.ended).toEqual(driver.ending(1009));
  });
});

describe('limits: raw frames', () => {
  it('closes with 1007 on a text frame that is no UTF-8, and serves the others on', async () => {
    const bystander = await world.open(rawDriver, somebody());
    const client = world.keep(rawClient(world.server, await world.server.token(somebody())));
    await client.next('connected');
    client.ws.send(Buffer.from([0x22, 0xc3, 0x28, 0x22]), { binary: false });
    expect((await client.closed).code).toBe(1007);
    expect(await world.settle(bystander)).toEqual([[]]);
  });

  it('closes with 1002 on broken framing, and serves the others on', async () => {
    const bystander = await world.open(rawDriver, somebody());
    const client = world.keep(rawClient(world.server, await world.server.token(somebody())));
    await client.next('connected');
    // A frame of a reserved kind, and not masked: a client's frames must be.
    (client.ws as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(
      Buffer.from([0x8b, 0x00]),
    );
    expect((await client.closed).code).toBe(1002);
    expect(await world.settle(bystander)).toEqual([[]]);
  });
});
