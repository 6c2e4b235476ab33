import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { Hub } from '../../../src/routing/hub.js';
import { Connection } from '../../../src/transports/connection.js';
import type { CountingWebSocket } from '../../../src/transports/counting-web-socket.js';
import { RawWire } from '../../../src/transports/raw-wire.js';
import { BoundedWebSocketServer } from '../../../src/transports/web-socket-server.js';
import { message } from './fakes.js';

const maxUnsentBytes = 1 << 20;

let http: Server;
let server: BoundedWebSocketServer;
let hub: Hub;
let slow: Connection[];
let broken: Connection[];
let delivered: number;
let sent: number;

beforeEach(async () => {
  http = createServer();
  server = new BoundedWebSocketServer({ server: http });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  slow = [];
  broken = [];
  delivered = sent = 0;
  hub = new Hub({
    onDelivered: (websocket) => void (delivered += websocket),
    onTold: () => undefined,
    onSlow(connection) {
      slow.push(connection);
      hub.remove(connection);
    },
    onBroken: (connection) => void broken.push(connection),
  });
});

afterEach(async () => {
  const unexpected = broken.filter(({ playerId }) => playerId !== 'a');
  for (const client of server.clients) client.terminate();
  server.close();
  http.close();
  await once(http, 'close');
  expect(unexpected).toEqual([]);
});

interface Player {
  readonly connection: Connection;
  readonly ws: CountingWebSocket;
  readonly socket: Socket;
  readonly client: WebSocket;
  /** The numbers that have come, in order. */
  readonly got: number[];
  readonly pings: () => number;
  /** How many have come that were somebody else's. */
  readonly strangers: () => number;
  /** Resolves when so many have come. */
  reached(count: number): Promise<void>;
}

async function join(playerId: string, options: WebSocket.ClientOptions = {}): Promise<Player> {
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`, options);
  const got: number[] = [];
  let pings = 0;
  let strangers = 0;
  let own: string | undefined;
  let wanted: { count: number; resolve: () => void } | undefined;
  client.on('ping', () => pings++);
  client.on('message', (text: Buffer) => {
    const [number, filling] = JSON.parse(text.toString()).data as [number, string?];
    got.push(number);
    if (filling) own ??= filling[0];
    if (filling && filling !== own?.repeat(filling.length)) strangers++;
    if (wanted && got.length >= wanted.count) wanted.resolve();
  });
  const opened = once(client, 'open');
  const [ws, { socket }] = (await once(server, 'connection')) as [CountingWebSocket, { socket: Socket }];
  await opened;
  const connection = new Connection(playerId, playerId, new RawWire(ws, socket, maxUnsentBytes));
  ws.on('error', (_gone) => undefined).on('close', () => hub.remove(connection));
  hub.add(connection);
  hub.enter(connection);
  const reached = (count: number) =>
    got.length >= count ? Promise.resolve() : new Promise<void>((resolve) => (wanted = { count, resolve }));
  return { connection, ws, socket, client, got, pings: () => pings, strangers: () => strangers, reached };
}

/** Each is a number, and as long as is wanted. */
function tellAll(times = 1, size = 0): void {
  for (let n = 0; n < times; n++) {
    hub.deliverToAll(message(JSON.stringify([sent++, 'x'.repeat(size)])));
    hub.flush();
  }
}

/** The same numbers for each, in one write that is nobody else's. */
function tellEach(players: readonly Player[], times: number, size = 0): void {
  for (let n = 0; n < times; n++, sent++) {
    for (const [place, { connection }] of players.entries()) {
      hub.deliver(message(JSON.stringify([sent, String(place).repeat(size)])), [connection]);
    }
  }
  hub.flush();
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('what is due to everyone', () => {
  it('comes once and in order to all, with what is for one of them between', async () => {
    const [a, b, c] = [await join('a'), await join('b'), await join('c')];
    for (let round = 0; round < 20; round++) {
      tellAll(5);
      const own = sent++;
      a.connection.send(message(JSON.stringify([own])));
      hub.deliver(message(JSON.stringify([own])), [b.connection]);
      hub.flush();
    }
    const after = numbers(sent).filter((n) => n % 6 !== 5);
    await Promise.all([a.reached(sent), b.reached(sent), c.reached(after.length)]);
    expect([a, b, c].map(({ got }) => got)).toEqual([numbers(sent), numbers(sent), after]);
    expect(delivered).toBe(3 * 100 + 20);
  });

  it('comes to those who stay when some come and go', async () => {
    const stays = await join('stays');
    for (let round = 0; round < 5; round++) {
      const [x, y, z] = [await join(`x${round}`), await join(`y${round}`), await join(`z${round}`)];
      const from = sent;
      tellAll(3);
      await Promise.all([x, y, z].map((one) => one.reached(3)));
      // The first, the last, one from the middle; closed, cut off, and gone by itself.
      hub.remove(x.connection);
      tellAll(1);
      z.ws.terminate();
      tellAll(1);
      const gone = once(y.ws, 'close');
      y.client.terminate();
      await gone;
      tellAll(1);
      expect(x.got).toEqual([from, from + 1, from + 2]);
      expect(z.got.length).toBeLessThanOrEqual(4);
      expect(hub.everyone.size).toBe(1);
    }
    await stays.reached(sent);
    expect(stays.got).toEqual(numbers(sent));
  });

  it('is not lost on who is behind for a while, and takes them along again', async () => {
    const [reads, rests] = [await join('reads'), await join('rests')];
    // Until they are trusted with more than the kernel takes.
    for (let bytes = 0; bytes < 12 << 20; bytes += 500_000) {
      tellAll(10, 50_000);
      await Promise.all([reads.reached(sent), rests.reached(sent)]);
    }
    for (let round = 0; round < 3; round++) {
      rests.client.pause();
      const before = sent;
      while (rests.connection.wire.unsentBytes() === 0) {
        tellAll(10, 50_000);
        await reads.reached(sent);
      }
      expect(rests.socket.writableLength).toBe(0);
      expect(rests.connection.wire.plainSocket()).toBeNull();
      expect(hub.everyone.strays).toContain(rests.connection);
      tellAll(10, 100);
      rests.client.resume();
      await rests.reached(sent);
      expect(sent).toBeGreaterThan(before + 10);
      await rests.connection.wire.drained();
      // One more, and it is with the others again.
      tellAll(1);
      await rests.reached(sent);
      expect([...hub.everyone.strays]).toEqual([]);
    }
    await reads.reached(sent);
    expect([reads.got, rests.got]).toEqual([numbers(sent), numbers(sent)]);
    expect(slow).toEqual([]);
  });

  it('is held from who does not answer whether it reads, and cuts it off in the end', async () => {
    const [reads, mute] = [await join('reads'), await join('mute', { autoPong: false })];
    while (slow.length === 0) {
      tellAll(10, 2000);
      await reads.reached(sent);
    }
    expect(slow).toEqual([mute.connection]);
    // It has been asked once, before the kernel had taken a tenth of it.
    expect(mute.pings()).toBe(1);
    expect(mute.got.length * 2000).toBeLessThanOrEqual(2 * (64 << 10) + 4000);
    expect(reads.pings()).toBeGreaterThan(3);
    expect(reads.got).toEqual(numbers(sent));
  });

  it('counts with what one of them has been sent alone', async () => {
    const [a, b] = [await join('a'), await join('b')];
    tellAll(1);
    a.connection.send(message(JSON.stringify([-1, 'x'.repeat(50_000)])));
    tellAll(10, 2000);
    await Promise.all([a.reached(12), b.reached(11)]);
    await expect.poll(() => [a.pings(), b.pings()]).toEqual([1, 0]);
  });

  it('does not follow a close frame', async () => {
    const [a, b] = [await join('a'), await join('b')];
    tellAll(2);
    await a.reached(2);
    a.ws.close(1000);
    const { bytesWritten } = a.socket;
    tellAll(2);
    await Promise.all([once(a.client, 'close'), b.reached(4)]);
    expect(a.socket.bytesWritten).toBe(bytesWritten);
    expect(a.got).toEqual([0, 1]);
  });

  it('goes out in pieces when it is long', async () => {
    const [reads, rests] = [await join('reads'), await join('rests')];
    tellAll(2);
    rests.client.pause();
    for (let n = 0; n < 300; n++) hub.deliverToAll(message(JSON.stringify([sent++, 'x'.repeat(1000)])));
    hub.flush();
    tellAll(1);
    await reads.reached(sent);
    expect(rests.connection.wire.unsentBytes()).toBeGreaterThan(100_000);
    rests.client.resume();
    await rests.reached(sent);
    expect([reads.got, rests.got]).toEqual([numbers(sent), numbers(sent)]);
  });

  it('comes to the others when writing to one of them throws, short or long', async () => {
    const [a, b, c] = [await join('a'), await join('b'), await join('c')];
    tellAll(2);
    const [first] = [a, b, c].map(({ connection }) => connection.wire.plainSocket());
    if (!first?.handle) throw new Error('no handle');
    const bug = () => {
      throw new Error('our bug');
    };
    const { handle } = first;
    handle.writeBuffer = bug;
    tellAll(1);
    first.write = bug;
    for (let n = 0; n < 100; n++) hub.deliverToAll(message(JSON.stringify([sent++, 'x'.repeat(1000)])));
    hub.flush();
    await Promise.all([b.reached(sent), c.reached(sent)]);
    expect(broken).toEqual([a.connection, a.connection]);
    expect([a.got, b.got, c.got]).toEqual([[0, 1], numbers(sent), numbers(sent)]);
  });

  it('is for nobody who is taken out of everyone, until it is back', async () => {
    const [a, b] = [await join('a'), await join('b')];
    tellAll(2);
    hub.everyone.delete(a.connection);
    tellAll(2);
    hub.enter(a.connection);
    tellAll(2);
    await Promise.all([a.reached(4), b.reached(6)]);
    expect(a.got).toEqual([0, 1, 4, 5]);
    expect(b.got).toEqual(numbers(6));
  });
});

describe('what is due to one alone', () => {
  it('comes as it was, though others are written to before the kernel takes it', async () => {
    const players = [await join('a'), await join('b'), await join('c')];
    const [, rests] = players as [Player, Player, Player];
    const all = () => Promise.all(players.map((one) => one.reached(sent)));
    for (let bytes = 0; bytes < 12 << 20; bytes += 500_000) {
      tellEach(players, 10, 50_000);
      await all();
    }
    for (let round = 0; round < 3; round++) {
      rests.client.pause();
      while (rests.connection.wire.unsentBytes() === 0) {
        tellEach(players, 3, 10_000);
        await players[0]?.reached(sent);
      }
      tellEach(players, 3, 1000);
      tellEach(players, 2, 10);
      rests.client.resume();
      await all();
      tellEach(players, 2, 20_000);
      await all();
    }
    expect(players.map(({ got }) => got)).toEqual([numbers(sent), numbers(sent), numbers(sent)]);
    expect(players.map(({ strangers }) => strangers())).toEqual([0, 0, 0]);
  });

  it('is no longer shared once somebody is due more, and shared once somebody comes to the same', async () => {
    const [a, b] = [await join('a'), await join('b')];
    for (let round = 0; round < 10; round++) {
      const [first, second, third] = [0, 1, 2].map((n) => message(JSON.stringify([sent + n])));
      sent += 3;
      for (const each of [first, second]) if (each) hub.deliver(each, [a.connection, b.connection]);
      if (third) hub.deliver(third, round % 2 === 0 ? [a.connection] : [b.connection]);
      hub.flush();
    }
    const without = (rest: number) => numbers(sent).filter((n) => n % 6 !== rest);
    await Promise.all([a.reached(25), b.reached(25)]);
    expect([a.got, b.got]).toEqual([without(5), without(2)]);
  });
});
