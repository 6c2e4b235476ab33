import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, Socket, type AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { textFrame } from '../../../src/protocol/frame.js';
import type { ByteSocket } from '../../../src/transports/byte-socket.js';
import type { CountingWebSocket } from '../../../src/transports/counting-web-socket.js';
import { handleOf } from '../../../src/transports/tcp-handle.js';
import { BoundedWebSocketServer } from '../../../src/transports/web-socket-server.js';

interface Pair {
  readonly ws: CountingWebSocket;
  readonly socket: Socket;
  readonly bytes: ByteSocket;
  readonly client: WebSocket;
  /** What the client has got, in order. */
  readonly got: string[];
  /** Resolves when the client has so many. */
  readonly reached: (count: number) => Promise<void>;
}

let http: Server;
let server: BoundedWebSocketServer;

beforeEach(async () => {
  http = createServer();
  server = new BoundedWebSocketServer({ server: http });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
});

afterEach(async () => {
  for (const client of server.clients) client.terminate();
  server.close();
  http.close();
  await once(http, 'close');
});

const modules = {
  'past the stream': () => import('../../../src/transports/byte-socket.js'),
  'through the stream': async () => {
    vi.doMock('../../../src/transports/tcp-handle.js', () => ({ handleOf: () => null }));
    return import('../../../src/transports/byte-socket.js');
  },
};

async function pair(way: keyof typeof modules): Promise<Pair> {
  vi.resetModules();
  const { ByteSocket } = await modules[way]();
  vi.doUnmock('../../../src/transports/tcp-handle.js');
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const got: string[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  client.on('message', (data: Buffer) => {
    got.push(data.toString().split(' ')[0] as string);
    for (const { count, resolve } of waiting) if (got.length === count) resolve();
  });
  const opened = once(client, 'open');
  const [ws, request] = (await once(server, 'connection')) as [CountingWebSocket, { socket: Socket }];
  await opened;
  const { socket } = request;
  const reached = (count: number) =>
    got.length >= count
      ? Promise.resolve()
      : new Promise<void>((resolve) => void waiting.push({ count, resolve }));
  return { ws, socket, bytes: new ByteSocket(socket, ws), client, got, reached };
}

const frame = (n: number, size = 0) => textFrame(`${n} ${'x'.repeat(size)}`);
const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n));

/** The kernel takes nothing more, for the client does not read: what follows waits in the process. */
async function fill({ bytes, client }: Pair, from: number): Promise<number> {
  client.pause();
  let n = from;
  while (!bytes.behind) {
    bytes.write(frame(n++, 100_000));
    // Its pings go out, and nothing answers them.
    await new Promise(setImmediate);
  }
  return n;
}

describe.each(Object.keys(modules) as (keyof typeof modules)[])('ByteSocket, %s', (way) => {
  it('brings everything once and in order, what fits at once and what does not', async () => {
    const one = await pair(way);
    const { bytes, client, got, reached } = one;
    let n = 0;
    for (let round = 0; round < 5; round++) {
      for (let small = 0; small < 20; small++) bytes.write(frame(n++, small * 50));
      n = await fill(one, n);
      for (let more = 0; more < 20; more++) bytes.write(frame(n++, 30_000));
      expect(bytes.unsent).toBeGreaterThan(20 * 30_000);
      const drained = bytes.drained();
      client.resume();
      await drained;
      expect(bytes.behind).toBe(false);
    }
    await reached(n);
    expect(got).toEqual(numbers(n));
  });

  it('keeps frames whole and in order beside what the stream writes', async () => {
    const one = await pair(way);
    const { bytes, ws, client, got, reached } = one;
    let pongs = 0;
    client.on('pong', () => pongs++);
    // The first write of a process goes through the stream.
    bytes.write(frame(0));
    let n = await fill(one, 1);
    // Behind what does not fit: pieces of a frame would be torn apart here.
    for (let turn = 0; turn < 50; turn++) {
      ws.pong(`${turn}`);
      bytes.flush();
      bytes.write(frame(n++, 1000));
    }
    bytes.flush();
    client.resume();
    await reached(n);
    for (let turn = 0; turn < 50; turn++) {
      ws.pong(`${turn}`);
      bytes.write(frame(n++));
    }
    await reached(n);
    expect(got).toEqual(numbers(n));
    expect(pongs).toBe(100);
    expect(bytes.unsent).toBe(0);
  });

  it('holds most of a large write until the client shows that it reads', async () => {
    const { bytes, client, got, reached } = await pair(way);
    client.pause();
    bytes.write(Buffer.concat(Array.from({ length: 1000 }, (_, n) => frame(n, 1000))));
    expect(bytes.unsent).toBeGreaterThan(800_000);
    client.resume();
    await reached(1000);
    expect(got).toEqual(numbers(1000));
    await bytes.drained();
    expect(bytes.unsent).toBe(0);
  });

  it('is not open once a close frame has gone out, whoever sent it', async () => {
    const here = await pair(way);
    here.ws.close(1000);
    expect(here.bytes.open).toBe(false);
    const there = await pair(way);
    there.client.close(1000);
    await once(there.ws, 'close');
    expect(there.bytes.open).toBe(false);
    const cut = await pair(way);
    cut.ws.terminate();
    expect(cut.bytes.open).toBe(false);
  });

  it('takes a write to a socket that is gone, and wakes who waits for it', async () => {
    const one = await pair(way);
    one.ws.on('error', (_gone) => undefined);
    const closed = once(one.ws, 'close');
    one.bytes.write(frame(0));
    const n = await fill(one, 1);
    const drained = one.bytes.drained();
    one.client.terminate();
    await drained;
    one.socket.destroy();
    one.bytes.write(frame(n));
    await closed;
    expect(one.bytes.open).toBe(false);
    expect(one.bytes.unsent).toBe(0);
  });
});

describe('the handle under a socket', () => {
  it('is there for plain TCP, and not with TLS or before there is a connection', async () => {
    const { socket } = await pair('past the stream');
    expect(handleOf(socket)).not.toBeNull();
    expect(handleOf(new TLSSocket(new Socket()))).toBeNull();
    expect(handleOf(new Socket())).toBeNull();
  });

  it('is written to once the stream has shown how', async () => {
    const { bytes, socket, reached } = await pair('past the stream');
    const streamed = vi.spyOn(socket, 'write');
    for (let n = 0; n < 10; n++) bytes.write(frame(n));
    await reached(10);
    expect(streamed).toHaveBeenCalledTimes(1);
  });

  it('is left alone where Node writes with something else than it used to', async () => {
    vi.resetModules();
    const fresh = await import('../../../src/transports/tcp-handle.js');
    const { port } = http.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const handle = fresh.handleOf(socket);
    expect(handle).not.toBeNull();
    class OtherRequest {
      oncomplete = () => undefined;
    }
    const error = handle?.writeBuffer(new OtherRequest(), Buffer.from('GET / HTTP/1.1\r\n'));
    expect(error).toBe(0);
    expect(fresh.handleOf(socket)).toBeNull();
    socket.destroy();
    vi.resetModules();
  });
});

it('forgets what is written to a socket that is gone, whether it has been told or not', async () => {
  const { ws, socket, bytes, client, reached } = await pair('past the stream');
  // The first one goes through the stream, which shows how it writes.
  bytes.write(frame(0));
  bytes.write(frame(1));
  await reached(2);
  // Another one is told from now on.
  const Another = bytes.constructor as new (...of: [Socket, CountingWebSocket]) => ByteSocket;
  const another = new Another(socket, ws);
  const gone = once(socket, 'close');
  client.terminate();
  await gone;
  // What is under it is given back after that.
  await new Promise((resolve) => setImmediate(resolve));
  expect({ before: bytes.open, told: another.open }).toEqual({ before: true, told: false });
  // A heartbeat of engine.io's, while ws still inflates what came last, has it asked to.
  another.write(frame(2));
  bytes.write(frame(2));
  expect(bytes.open).toBe(false);
});
