/** Tokens: where a client may put them, which are refused and how, and a fresh one for an open connection. */
import { randomUUID } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { ioClient, rawClient } from '../support/clients.js';
import { drivers, rawDriver } from './drivers.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();

/** Everything is right about it but the key. */
async function signedByAnotherKey(): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256');
  return new SignJWT({ sid: randomUUID() })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer('privy.io')
    .setAudience('hashi-development')
    .setSubject('intruder')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);
}

const bad: { kind: string; token: () => Promise<string | undefined> }[] = [
  { kind: 'no token', token: async () => undefined },
  { kind: 'an empty token', token: async () => '' },
  { kind: 'something that is no token', token: async () => 'not.a.token' },
  { kind: 'an expired token', token: () => world.server.token('p', { expiresInSeconds: -60 }) },
  { kind: 'a token of another key', token: signedByAnotherKey },
  {
    kind: 'a token changed on the way',
    token: async () => {
      const [header, , signature] = (await world.server.token('p')).split('.');
      const [, payload] = (await world.server.token('somebody else')).split('.');
      return [header, payload, signature].join('.');
    },
  },
];

describe.each(drivers)('authentication: $name', (driver) => {
  it.each(bad)('refuses $kind with AUTH_ERROR, greets nobody and tells nothing', async ({ token }) => {
    const client = world.keep(driver.connect(world.server, await token()));
    expect(await client.refused).toStrictEqual({ message: 'Authentication failed', code: 'AUTH_ERROR' });
    if (driver === rawDriver) expect(await client.ended).toEqual({ code: 4401 });
    expect(client.messages.filter(({ type }) => type !== 'error')).toEqual([]);
  });

  it('accepts a token in the query and in the Authorization header', async () => {
    for (const place of ['query', 'headers'] as const) {
      const player = somebody();
      const token = await world.server.token(player);
      const options =
        place === 'query' ? { query: { token } } : { headers: { authorization: `Bearer ${token}` } };
      const client = world.keep(driver.connect(world.server, undefined, { bare: true, ...options }));
      expect((await client.next()).data.playerId).toBe(player);
    }
  });

  it('prefers the token that is found first, even if it is bad', async () => {
    const good = await world.server.token(somebody());
    const headers = { authorization: `Bearer ${good}` };
    const client = world.keep(driver.connect(world.server, 'bad', { headers }));
    expect((await client.refused).code).toBe('AUTH_ERROR');
  });

  it('takes a fresh token for the same player without a word', async () => {
    const player = somebody();
    const client = await world.open(driver, player);
    client.say('auth', { token: await world.server.token(player) });
    await client.done();
    expect(await client.ask('auth', { token: await world.server.token(player) })).toEqual({ ok: true });
    expect(await world.settle(client)).toEqual([[]]);
  });

  it.each([
    { kind: "another player's", token: () => world.server.token(somebody()) },
    { kind: 'an expired', token: () => world.server.token('p', { expiresInSeconds: -60 }) },
    { kind: 'a malformed', token: async () => 'not.a.token' },
  ])('closes with AUTH_ERROR on $kind token', async ({ token }) => {
    const client = await world.open(driver, somebody());
    client.say('auth', { token: await token() });
    expect((await client.next('error')).data).toStrictEqual({
      message: 'Authentication failed',
      code: 'AUTH_ERROR',
    });
    expect(await client.ended).toEqual(driver.ending(4401));
  });

  it('answers a bad fresh token that asked for an answer, then closes', async () => {
    const client = await world.open(driver, somebody());
    const answer = await client.ask('auth', { token: 'bad' });
    expect(answer).toMatchObject({ ok: false, error: { code: 'AUTH_ERROR' } });
    expect(await client.ended).toEqual(driver.ending(4401));
  });

  it('does not take a message for a fresh token that brings none', async () => {
    const client = await world.open(driver, somebody());
    for (const data of [undefined, {}, { token: 7 }, { token: null }]) {
      expect(await client.ask('auth', data)).toMatchObject({
        ok: false,
        error: { code: 'INVALID_MESSAGE' },
      });
    }
  });
});

describe('authentication: raw subprotocols', () => {
  const open = (token: string, protocols: (token: string) => string[]) =>
    world.keep(rawClient(world.server, undefined, {}, { protocols: protocols(token) }));

  it('takes the token as a subprotocol and answers hashi, never the token', async () => {
    const player = somebody();
    const token = await world.server.token(player);
    for (const protocols of [
      ['hashi', `bearer.${token}`],
      [`bearer.${token}`, 'hashi'],
    ]) {
      const client = open(token, () => protocols);
      expect((await client.next()).data.playerId).toBe(player);
      expect(client.ws.protocol).toBe('hashi');
    }
  });

  it('answers hashi to a client that offers it, whatever brings the token', async () => {
    const client = world.keep(
      rawClient(world.server, await world.server.token(somebody()), {}, { protocols: ['hashi'] }),
    );
    await client.next('connected');
    expect(client.ws.protocol).toBe('hashi');
  });

  it('refuses a bad token in a subprotocol with a message, like any other', async () => {
    const client = open('bad', (token) => ['hashi', `bearer.${token}`]);
    expect((await client.next('error')).data.code).toBe('AUTH_ERROR');
    expect((await client.closed).code).toBe(4401);
  });
});

describe('authentication: Socket.IO', () => {
  it('prefers auth.token to the query, and the query to the header', async () => {
    const [first, second, third] = [somebody('first'), somebody('second'), somebody('third')];
    const token = (player: string) => world.server.token(player);
    const extraHeaders = { authorization: `Bearer ${await token(third)}` };
    const query = { token: await token(second) };
    const byAuth = world.keep(ioClient(world.server, await token(first), { query, extraHeaders }));
    const byQuery = world.keep(ioClient(world.server, undefined, { query, extraHeaders }));
    expect((await byAuth.next()).data.playerId).toBe(first);
    expect((await byQuery.next()).data.playerId).toBe(second);
  });
});
