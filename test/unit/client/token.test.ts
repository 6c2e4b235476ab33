import { describe, expect, it } from 'vitest';
import { expiryOf, refreshDelayMs } from '../../../src/client/token.js';
import { fakeClient } from './fake.js';

const start = Date.parse('2030-01-01T00:00:00Z');
const jwt = (claims: object) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
const tokenFor = (seconds: number, sid = '') => jwt({ exp: start / 1000 + seconds, sid });

describe('expiryOf', () => {
  it('reads exp from base64url, and nothing from what is no such token', () => {
    expect(expiryOf(jwt({ exp: 7, sub: '???>>>ÿÿ~~~' }))).toBe(7000);
    for (const odd of ['', 'a', 'a.b.c', 'a.!.c', jwt({}), jwt({ exp: 'soon' }), 'h.bnVsbA.s']) {
      expect(expiryOf(odd)).toBeUndefined();
    }
  });
});

describe('refreshDelayMs', () => {
  it('leaves 30 s, or the last quarter of a short life, and never hurries more than once a second', () => {
    expect(refreshDelayMs(3_600_000, 0)).toBe(3_570_000);
    expect(refreshDelayMs(20_000, 0)).toBe(15_000);
    expect(refreshDelayMs(100, 0)).toBe(1000);
    expect(refreshDelayMs(-5000, 0)).toBe(1000);
  });
});

describe('the token', () => {
  it('is replaced before it runs out, on the open connection', async () => {
    const tokens = [tokenFor(3600), tokenFor(7200)];
    const fake = await fakeClient({ token: () => tokens.shift() ?? 'none', heartbeatMs: 10 ** 9 });
    fake.socket.connected();
    await fake.clock.pass(3_569_999);
    expect(fake.socket.sent).toEqual([]);
    await fake.clock.pass(1);
    expect(fake.socket.sent).toEqual([{ type: 'auth', data: { token: tokenFor(7200) } }]);
    expect(fake.sockets).toHaveLength(1);
  });

  it('goes by the clock of the server, not by its own', async () => {
    const tokens = [tokenFor(3600), tokenFor(7200)];
    const fake = await fakeClient({ token: () => tokens.shift() ?? 'none', heartbeatMs: 10 ** 9 });
    fake.socket.connected({ timestamp: '2030-01-01T00:10:00.000Z' });
    await fake.clock.pass(2_970_000);
    expect(fake.socket.sent).toHaveLength(1);
  });

  it('is asked for again while the same one comes back, or none', async () => {
    let asked = 0;
    const fake = await fakeClient({
      token: () => {
        asked++;
        if (asked === 3) throw new Error('offline');
        return asked < 5 ? tokenFor(60) : tokenFor(3600);
      },
      heartbeatMs: 10 ** 9,
    });
    fake.socket.connected();
    // The server gives 5 s beyond the end.
    await fake.clock.pass(62_000);
    expect(fake.socket.sent).toEqual([{ type: 'auth', data: { token: tokenFor(3600) } }]);
    expect(fake.errors).toMatchObject([{ message: 'offline' }]);
  });

  it('is asked for again when the first asking is never answered', async () => {
    let asked = 0;
    const fake = await fakeClient({
      token: () => {
        asked++;
        if (asked === 2) return new Promise<string>(() => undefined);
        return tokenFor(asked === 1 ? 3600 : 36_000);
      },
      heartbeatMs: 10 ** 9,
    });
    fake.socket.connected();
    await fake.clock.pass(3_599_999);
    expect(fake.socket.sent).toEqual([{ type: 'auth', data: { token: tokenFor(36_000) } }]);
    await fake.clock.pass(3_600_000);
    expect(asked).toBe(3);
  });

  it.each([-1, 1])('is replaced in time on a device whose clock is %i h off', async (hours) => {
    const tokens = [tokenFor(3600), tokenFor(7200)];
    const fake = await fakeClient({ token: () => tokens.shift() ?? 'none', heartbeatMs: 10 ** 9 });
    // The device's clock stands still at `start`; the token counts by the server's, which was there `hours` ago.
    const serverNow = start - hours * 3_600_000;
    fake.socket.connected({ timestamp: new Date(serverNow).toISOString() });
    const left = start + 3_600_000 - serverNow;
    await fake.clock.pass(Math.max(left - 30_001, 0));
    expect(fake.socket.sent).toEqual([]);
    await fake.clock.pass(1001);
    expect(fake.socket.sent).toHaveLength(1);
  });

  it('is not asked for after the end', async () => {
    let asked = 0;
    const fake = await fakeClient({ token: () => (asked++, tokenFor(60)) });
    fake.socket.connected();
    fake.client.close();
    await fake.clock.pass(3_600_000);
    expect(asked).toBe(1);
  });
});
