import { describe, expect, it } from 'vitest';
import { fakeClient, settled, type FakeSocket } from './fake.js';

const ack = (socket: FakeSocket, index = -1) =>
  socket.says({ type: 'ack', data: { id: socket.sent.at(index).id } });
const deny = (socket: FakeSocket, code = 'SUBSCRIBE_DENIED') =>
  socket.says({ type: 'error', data: { code, message: 'no', id: socket.sent.at(-1).id } });
const lobbies = (socket: FakeSocket) => socket.sent.map(({ type, data }) => `${type} ${data?.lobbyId}`);

describe('subscribe', () => {
  it('asks once it is connected, and resolves when the server has said yes', async () => {
    const { client, socket } = await fakeClient();
    let done = false;
    const subscribed = client.subscribe('L1').then(() => (done = true));
    expect(socket.sent).toEqual([]);
    socket.connected();
    expect(lobbies(socket)).toEqual(['subscribe L1']);
    await settled();
    expect(done).toBe(false);
    ack(socket);
    await subscribed;
  });

  it('rejects with the code, and does not ask again', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const subscribed = fake.client.subscribe('L1');
    deny(fake.socket);
    await expect(subscribed).rejects.toMatchObject({ code: 'SUBSCRIBE_DENIED', lobby: 'L1' });
    fake.socket.breaks();
    await fake.reconnect();
    fake.socket.connected();
    expect(fake.socket.sent).toEqual([]);
  });

  it('survives a connection that breaks before the answer', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const subscribed = fake.client.subscribe('L1');
    fake.socket.breaks();
    await fake.reconnect();
    fake.socket.connected({ recovered: true });
    expect(lobbies(fake.socket)).toEqual(['subscribe L1']);
    ack(fake.socket);
    await subscribed;
    expect(fake.of('gap')).toEqual([]);
  });

  it('is renewed on each connection, and tells that events of the lobby may be missing', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const subscribed = fake.client.subscribe('L1');
    ack(fake.socket);
    await subscribed;
    for (let round = 1; round <= 2; round++) {
      fake.socket.breaks();
      await fake.reconnect();
      fake.socket.connected({ recovered: true });
      expect(lobbies(fake.socket)).toEqual(['subscribe L1']);
      ack(fake.socket);
      expect(fake.of('gap')).toHaveLength(round);
    }
    expect(fake.of('gap')[0]).toEqual({ code: 'RESUBSCRIBED', lobby: 'L1' });
  });

  it('has no gap in a lobby of the player, whose events were replayed', async () => {
    const fake = await fakeClient();
    const member = { lobbies: [{ lobbyId: 'uuid', lobbyCode: 'L1' }] };
    fake.socket.connected(member);
    const subscribed = fake.client.subscribe('L1');
    ack(fake.socket);
    await subscribed;
    fake.socket.breaks();
    await fake.reconnect();
    fake.socket.connected({ ...member, recovered: true });
    ack(fake.socket);
    expect(fake.of('gap')).toEqual([]);
  });

  it('reports a renewal that is refused, and drops it', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const subscribed = fake.client.subscribe('L1');
    ack(fake.socket);
    await subscribed;
    fake.socket.breaks();
    await fake.reconnect();
    fake.socket.connected({ recovered: true });
    deny(fake.socket);
    await settled();
    expect(fake.errors).toMatchObject([{ code: 'SUBSCRIBE_DENIED', lobby: 'L1' }]);
    fake.socket.breaks();
    await fake.reconnect();
    fake.socket.connected({ recovered: true });
    expect(fake.socket.sent).toEqual([]);
  });

  it('renews again after an internal error, which ends the connection', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const subscribed = fake.client.subscribe('L1');
    ack(fake.socket);
    await subscribed;
    fake.socket.breaks();
    await fake.reconnect();
    fake.socket.connected({ recovered: true });
    deny(fake.socket, 'INTERNAL_ERROR');
    fake.socket.breaks(1011, 'INTERNAL_ERROR');
    await fake.reconnect();
    fake.socket.connected({ recovered: true });
    expect(lobbies(fake.socket)).toEqual(['subscribe L1']);
  });

  it('is given up when it was too big for the server, and the connection comes back without it', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const held = fake.client.subscribe('L1');
    ack(fake.socket);
    await held;
    const subscribed = fake.client.subscribe('x'.repeat(20_000));
    fake.socket.breaks(1009);
    await expect(subscribed).rejects.toMatchObject({ code: 'DISCONNECTED' });
    await fake.reconnect();
    fake.socket.connected({ recovered: true });
    expect(lobbies(fake.socket)).toEqual(['subscribe L1']);
  });

  it('is not renewed when it was given up while there was no connection', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const subscribed = fake.client.subscribe('L1');
    ack(fake.socket);
    await subscribed;
    fake.socket.breaks();
    const unsubscribed = fake.client.unsubscribe('L1');
    await fake.reconnect();
    fake.socket.connected({ recovered: true });
    expect(lobbies(fake.socket)).toEqual(['unsubscribe L1']);
    ack(fake.socket);
    await unsubscribed;
    expect(fake.of('gap')).toEqual([]);
  });

  it('is over after unsubscribe', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const subscribed = fake.client.subscribe('L1');
    const unsubscribed = fake.client.unsubscribe('L1');
    expect(lobbies(fake.socket)).toEqual(['subscribe L1', 'unsubscribe L1']);
    ack(fake.socket, 0);
    ack(fake.socket, 1);
    await Promise.all([subscribed, unsubscribed]);
    fake.socket.breaks();
    await fake.reconnect();
    fake.socket.connected();
    expect(fake.socket.sent).toEqual([]);
  });

  it('renews many without passing the rate of the server', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const all = Promise.all(Array.from({ length: 100 }, (_, index) => fake.client.subscribe(`L${index}`)));
    expect(fake.socket.sent).toHaveLength(30);
    await fake.clock.pass(1000);
    expect(fake.socket.sent).toHaveLength(40);
    await fake.clock.pass(6000);
    expect(lobbies(fake.socket)).toEqual(Array.from({ length: 100 }, (_, index) => `subscribe L${index}`));
    for (const { id } of fake.socket.sent) fake.socket.says({ type: 'ack', data: { id } });
    await all;
  });

  it('asks again for what a limit has swallowed', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    const subscribed = fake.client.subscribe('L1');
    fake.socket.says({ type: 'error', data: { code: 'RATE_LIMITED', message: 'x' } });
    await fake.clock.pass(4000);
    expect(fake.socket.sent).toHaveLength(1);
    await fake.clock.pass(2000);
    expect(lobbies(fake.socket)).toEqual(['subscribe L1', 'subscribe L1']);
    ack(fake.socket);
    await subscribed;
  });

  describe('to a lobby the player leaves', () => {
    const names = { lobbyId: 'uuid', lobbyCode: 'L1' };
    const lobbyEvent = (socket: FakeSocket, type: string, playerId: string | null) =>
      socket.says({
        type: 'lobby:event',
        data: { type, ...names, payload: { playerId } },
        id: `e-${++place}`,
      });
    let place = 0;

    /** With a subscription to the lobby, in which the player may be already. */
    async function watching(lobby: string, member: boolean) {
      const fake = await fakeClient();
      fake.socket.connected({ lobbies: member ? [names] : [] });
      const subscribed = fake.client.subscribe(lobby);
      ack(fake.socket);
      await subscribed;
      return {
        ...fake,
        event: (type: string, playerId: string | null = 'p1') => lobbyEvent(fake.socket, type, playerId),
        /** What it asks for after a reconnect. */
        renewed: async (lobbies: object[] = []) => {
          fake.socket.breaks();
          await fake.reconnect();
          fake.socket.connected({ recovered: true, lobbies });
          return fake.socket.sent.map(({ type, data }) => `${type} ${data?.lobbyId}`);
        },
      };
    }

    it.each(['uuid', 'L1'])('ends with its own lobby.left: %s', async (lobby) => {
      const { event, renewed, errors } = await watching(lobby, false);
      event('lobby.joined');
      event('lobby.left');
      expect(await renewed()).toEqual([]);
      expect(errors).toEqual([]);
    });

    it('ends with it when it happens while there is no connection', async () => {
      const { event, renewed } = await watching('L1', false);
      event('lobby.joined');
      expect(await renewed()).toEqual([]);
      // It is told what has happened.
      event('lobby.left');
      expect(await renewed()).toEqual([]);
    });

    it('is another one when it is asked for after that', async () => {
      const { client, event, renewed, sockets } = await watching('L1', true);
      event('lobby.left');
      const again = client.subscribe('L1');
      ack(sockets.at(-1) as FakeSocket);
      await again;
      expect(await renewed()).toEqual(['subscribe L1']);
    });

    it('goes on while others leave', async () => {
      const { event, renewed } = await watching('L1', true);
      event('lobby.left', 'p2');
      expect(await renewed([names])).toEqual(['subscribe L1']);
    });

    it('ends for everybody with the lobby', async () => {
      const { event, renewed } = await watching('L1', false);
      event('lobby.deleted', null);
      expect(await renewed()).toEqual([]);
    });
  });

  it('rejects when the client is closed, before or after', async () => {
    const { client } = await fakeClient();
    const subscribed = client.subscribe('L1');
    const unsubscribed = client.unsubscribe('L2');
    client.close();
    await expect(subscribed).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(client.subscribe('L1')).rejects.toMatchObject({ code: 'CLOSED' });
    await unsubscribed;
  });
});

describe('ping', () => {
  it('measures the round trip', async () => {
    const { client, socket, clock } = await fakeClient();
    socket.connected();
    const ping = client.ping();
    await clock.pass(40);
    socket.says({ type: 'pong', data: { timestamp: '', id: socket.sent[0].id } });
    expect(await ping).toBe(40);
  });

  it('rejects without a connection, and when it breaks', async () => {
    const { client, socket } = await fakeClient();
    await expect(client.ping()).rejects.toMatchObject({ code: 'DISCONNECTED' });
    socket.connected();
    const ping = client.ping();
    socket.breaks();
    await expect(ping).rejects.toMatchObject({ code: 'DISCONNECTED' });
  });

  it('rejects when the server has read none of it, and can be asked again', async () => {
    const { client, socket, errors } = await fakeClient();
    socket.connected();
    const ping = client.ping();
    socket.says({ type: 'error', data: { code: 'RATE_LIMITED', message: 'Too many messages' } });
    await expect(ping).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(errors).toMatchObject([{ code: 'RATE_LIMITED' }]);
    const again = client.ping();
    socket.says({ type: 'pong', data: { timestamp: '', id: socket.sent.at(-1).id } });
    expect(await again).toBe(0);
  });

  it('does not wait for subscriptions that wait for their turn', async () => {
    const { client, socket } = await fakeClient();
    socket.connected();
    const all = Array.from({ length: 100 }, (_, n) => client.subscribe(`L${n}`).catch(() => undefined));
    const ping = client.ping();
    socket.says({ type: 'pong', data: { timestamp: '', id: socket.sent.at(-1).id } });
    expect(await ping).toBe(0);
    client.close();
    await Promise.all(all);
  });
});
