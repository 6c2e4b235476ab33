import { describe, expect, it, vi } from 'vitest';
import { delayMs } from '../../../src/client/backoff.js';
import { connect } from '../../../src/client/index.js';
import { fakeClient, settled } from './fake.js';

describe('connecting', () => {
  it('sends the token as a subprotocol, never in the URL, and asks for ids', async () => {
    const { socket } = await fakeClient({ url: 'https://server.test/?app=1', token: async () => 'a.b.c' });
    expect(socket.protocols).toEqual(['hashi', 'bearer.a.b.c']);
    expect(socket.url).toBe('wss://server.test/?app=1&resume=1');
  });

  it('goes on from a cursor that was kept', async () => {
    const { socket, client } = await fakeClient({ since: 'e-5' });
    expect(socket.query.get('since')).toBe('e-5');
    expect(client.cursor).toBe('e-5');
  });

  it('refuses a URL that is none at once', () => {
    expect(() => connect({ url: '/events', token: () => '' })).toThrow(TypeError);
  });

  it('tells each state, with why a connection ended', async () => {
    const { socket, of, client } = await fakeClient();
    expect(client.state).toBe('connecting');
    socket.connected();
    socket.breaks(4408, 'SLOW_CONSUMER');
    client.close();
    expect(of('state')).toEqual([
      { state: 'connecting' },
      { state: 'open' },
      { state: 'reconnecting', code: 4408, reason: 'SLOW_CONSUMER', delayMs: 125 },
      { state: 'closed', code: 1000, reason: 'closed by the client' },
    ]);
  });
});

describe('after a connection ended', () => {
  it('resumes after the last event it has received', async () => {
    const fake = await fakeClient();
    fake.socket.connected({ cursor: 'e-1' });
    fake.socket.event('e-2');
    fake.socket.breaks();
    await fake.reconnect();
    expect(fake.socket.query.get('since')).toBe('e-2');
    expect(fake.socket.query.has('resume')).toBe(false);
    expect(fake.client.cursor).toBe('e-2');
  });

  it('resumes from where it was connected when no event had come', async () => {
    const fake = await fakeClient();
    fake.socket.connected({ cursor: 'e-1' });
    fake.socket.breaks();
    await fake.reconnect();
    expect(fake.socket.query.get('since')).toBe('e-1');
  });

  it('hands on an event that comes a second time once', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    fake.socket.event('e-1');
    fake.socket.breaks();
    await fake.reconnect();
    fake.socket.connected({ cursor: 'e-0', recovered: true });
    fake.socket.event('e-1');
    fake.socket.event('e-2');
    expect(fake.of('event').map(({ timestamp }) => timestamp)).toEqual(['e-1', 'e-2']);
  });

  it('hears nothing from a connection it has given up', async () => {
    const fake = await fakeClient();
    const first = fake.socket;
    first.connected();
    first.breaks();
    first.event('e-9');
    expect(fake.of('event')).toEqual([]);
    expect(fake.client.cursor).toBe('e-0');
  });

  it('waits longer with each failure, and short again once a connection has held', async () => {
    const fake = await fakeClient();
    for (let failure = 0; failure < 3; failure++) {
      fake.socket.breaks();
      await fake.reconnect();
    }
    fake.socket.connected();
    await fake.clock.pass(10_000);
    fake.socket.breaks();
    expect(fake.of('state').flatMap(({ delayMs: wait }) => wait ?? [])).toEqual([125, 250, 500, 125]);
  });

  it('does not take a connection that breaks at once for a good one', async () => {
    const fake = await fakeClient();
    for (let failure = 0; failure < 3; failure++) {
      fake.socket.connected();
      fake.socket.breaks();
      await fake.reconnect();
    }
    expect(fake.of('state').flatMap(({ delayMs: wait }) => wait ?? [])).toEqual([125, 250, 500]);
  });

  it('comes back at once when the browser says that there is a network again', async () => {
    const browser = new EventTarget();
    const listen = browser.addEventListener.bind(browser);
    vi.stubGlobal('addEventListener', listen);
    try {
      const fake = await fakeClient({ backoff: { minMs: 60_000 }, timeoutMs: 600_000 });
      const online = async () => {
        browser.dispatchEvent(new Event('online'));
        await settled();
        return fake.sockets.length;
      };
      // Whoever is connected or connecting stays so.
      expect(await online()).toBe(1);
      fake.socket.connected();
      expect(await online()).toBe(1);
      fake.socket.breaks();
      expect(await online()).toBe(2);
      // One attempt, and not another one after the wait.
      await fake.clock.pass(120_000);
      expect(fake.sockets).toHaveLength(2);
      fake.socket.connected();
      // The server has asked for patience: that has nothing to do with the network.
      fake.socket.breaks(4429);
      expect(await online()).toBe(2);
      fake.client.close();
      expect(await online()).toBe(2);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('comes back soon after a restart, later when asked for patience, much later when there were too many', () => {
    const options = { minMs: 250, maxMs: 20_000 };
    expect(delayMs(1012, 0, 0, options)).toBe(125);
    expect(delayMs(1013, 0, 0, options)).toBe(500);
    expect(delayMs(4429, 0, 0, options)).toBe(5000);
    expect(delayMs(1006, 0, 1, options)).toBe(250);
    expect(delayMs(1006, 50, 1, options)).toBe(20_000);
    expect(delayMs(4429, 50, 1, { minMs: 250, maxMs: 1000 })).toBe(10_000);
  });

  it('stops when the server closes it as done', async () => {
    const fake = await fakeClient();
    fake.socket.connected();
    fake.socket.breaks(1000, 'closed by the server');
    await fake.reconnect();
    expect(fake.sockets).toHaveLength(1);
    expect(fake.of('state').at(-1)).toEqual({ state: 'closed', code: 1000, reason: 'closed by the server' });
  });

  it('asks for a fresh token when one is refused, and stops when that is refused too', async () => {
    let tokens = 0;
    const fake = await fakeClient({ token: () => `token-${++tokens}` });
    const events = fake.client[Symbol.asyncIterator]();
    const next = events.next();
    const subscribed = fake.client.subscribe('L1');
    fake.socket.says({ type: 'error', data: { code: 'AUTH_ERROR', message: 'Authentication failed' } });
    fake.socket.breaks(4401, 'AUTH_ERROR');
    await fake.reconnect();
    expect(fake.socket.protocols[1]).toBe('bearer.token-2');
    fake.socket.breaks(4401, 'AUTH_ERROR');
    await fake.reconnect();
    expect(fake.sockets).toHaveLength(2);
    expect(fake.client.state).toBe('closed');
    await expect(next).rejects.toMatchObject({ code: 'AUTH_ERROR' });
    await expect(subscribed).rejects.toMatchObject({ code: 'AUTH_ERROR', lobby: 'L1' });
    expect(fake.errors).toEqual([]);
  });

  it('may be refused again after a connection in between', async () => {
    const fake = await fakeClient();
    for (let round = 0; round < 3; round++) {
      fake.socket.connected();
      fake.socket.breaks(4401, 'TOKEN_EXPIRED');
      await fake.reconnect();
    }
    expect(fake.sockets).toHaveLength(4);
  });

  it('tries again when no token can be had, and reports why', async () => {
    let tokens = 0;
    const trouble = new Error('offline');
    const fake = await fakeClient({
      token: () => {
        if (++tokens === 1) throw trouble;
        return 'token';
      },
    });
    await fake.reconnect();
    expect(fake.errors).toEqual([trouble]);
    expect(fake.socket.protocols[1]).toBe('bearer.token');
  });
});

describe('silence', () => {
  it('gives up a connection that does not open', async () => {
    const fake = await fakeClient({ timeoutMs: 15_000 });
    await fake.clock.pass(14_999);
    expect(fake.of('state')).toHaveLength(1);
    await fake.clock.pass(1);
    expect(fake.of('state').at(-1)).toMatchObject({ state: 'reconnecting', reason: 'timeout' });
    expect(fake.sockets[0]?.closedWith).toBe(1000);
  });

  it('pings a silent server, and leaves it when it stays silent', async () => {
    const fake = await fakeClient({ heartbeatMs: 25_000, timeoutMs: 10_000 });
    fake.socket.connected();
    await fake.clock.pass(25_000);
    expect(fake.socket.sent).toEqual([{ type: 'ping' }]);
    fake.socket.says({ type: 'pong', data: { timestamp: '' } });
    await fake.clock.pass(25_000);
    expect(fake.socket.sent).toHaveLength(2);
    await fake.clock.pass(10_000);
    expect(fake.of('state').at(-1)).toMatchObject({ state: 'reconnecting', reason: 'timeout' });
  });

  it('does not ping a server that talks', async () => {
    const fake = await fakeClient({ heartbeatMs: 25_000 });
    fake.socket.connected();
    for (let second = 1; second <= 100; second++) {
      await fake.clock.pass(1000);
      fake.socket.event(`e-${second}`);
    }
    expect(fake.socket.sent).toEqual([]);
  });
});

describe('the end', () => {
  it('closes by signal, before or after it has begun', async () => {
    const early = await fakeClient({ signal: AbortSignal.abort() });
    expect(early.sockets).toEqual([]);
    expect(early.client.state).toBe('closed');

    const controller = new AbortController();
    const fake = await fakeClient({ signal: controller.signal });
    fake.socket.connected();
    controller.abort();
    expect(fake.socket.closedWith).toBe(1000);
    expect(fake.client.state).toBe('closed');
    await fake.reconnect();
    expect(fake.sockets).toHaveLength(1);
  });

  it('opens nothing when it was closed while the token was on its way', async () => {
    let give: (token: string) => void = () => undefined;
    const fake = await fakeClient({ token: () => new Promise((resolve) => (give = resolve)) });
    fake.client.close();
    give('token');
    await settled();
    expect(fake.sockets).toEqual([]);
  });

  it('does not come back when it is closed while it waits', async () => {
    const fake = await fakeClient();
    fake.socket.breaks();
    fake.client.close();
    await fake.reconnect();
    expect(fake.sockets).toHaveLength(1);
  });
});
