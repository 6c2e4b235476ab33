import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo, Socket as NetSocket } from 'node:net';
import { Server, type Socket } from 'socket.io';
import { io as connect, type Socket as Client } from 'socket.io-client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { shrink } from '../../../src/transports/shrink.js';
import { SmallMap } from '../../../src/transports/small-map.js';

let http: HttpServer;
let io: Server;
let client: Client;

beforeEach(async () => {
  http = createServer();
  http.timeout = 60_000;
  io = new Server(http);
  io.on('connection', (socket) => shrink(socket));
  await once(http.listen(0, '127.0.0.1'), 'listening');
});
afterEach(async () => {
  client.disconnect();
  await io.close();
});

async function open(transports: string[]): Promise<Socket> {
  const connected = once(io, 'connection');
  client = connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { transports });
  await new Promise<void>((resolve) => client.once('connect', resolve));
  return (await connected)[0] as Socket;
}

const tcpOf = ({ conn }: Socket) =>
  (conn.transport as unknown as { socket: { _socket: NetSocket } }).socket._socket;
const timerOf = (socket: NetSocket) => {
  const name = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'timeout');
  return name && (socket as unknown as Record<symbol, unknown>)[name];
};

it.each(['websocket', 'polling', 'polling, websocket'])(
  'leaves a connection by %s what it can do',
  async (names) => {
    const transports = names.split(', ');
    const socket = await open(transports);
    if (transports.length > 1 && socket.conn.transport.name === 'polling') await once(socket.conn, 'upgrade');
    const order: string[] = [];
    socket.use(([name], next) => {
      order.push(`use ${name}`);
      next();
    });
    socket.on('ask', (answer: (text: string) => void) => answer('answered'));
    expect(await client.emitWithAck('ask')).toBe('answered');
    client.on('ask', (answer: (text: string) => void) => answer('answered, too'));
    expect(await socket.emitWithAck('ask')).toBe('answered, too');
    expect(order).toEqual(['use ask']);
    io.of('/other');
    const other = client.io.socket('/other');
    await new Promise<void>((resolve) => other.once('connect', resolve));
    const closed = once(socket, 'disconnect');
    client.disconnect();
    expect((await closed)[0]).toBe('client namespace disconnect');
    other.disconnect();
    await expect.poll(() => io.engine.clientsCount).toBe(0);
    expect(io.sockets.sockets.size).toBe(0);
  },
);

it('drops what has room for more than a connection needs', async () => {
  const socket = await open(['websocket']);
  expect((socket.client as unknown as { sockets: unknown }).sockets).toBeInstanceOf(SmallMap);
  expect(timerOf(tcpOf(socket))).toBe(null);
});

it('leaves a time limit that was set again', async () => {
  io.removeAllListeners('connection');
  const socket = await open(['websocket']);
  const tcp = tcpOf(socket);
  tcp.setTimeout(60_000);
  shrink(socket);
  expect(timerOf(tcp)).toMatchObject({ _destroyed: false });
});

it('takes what is not as it has been for what it is', async () => {
  const socket = await open(['websocket']);
  Object.assign(socket, {
    fns: undefined,
    acks: new Map([
      ['1', 1],
      ['2', 2],
    ]),
  });
  Object.assign(socket.client, { decoder: undefined });
  shrink(socket);
  expect(socket).toMatchObject({ fns: undefined, client: { decoder: undefined } });
  Object.assign(socket.client, {
    decoder: { destroy: () => undefined, off: () => undefined, removeListener: () => undefined },
  });
});
