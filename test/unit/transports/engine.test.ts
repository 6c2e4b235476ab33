import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Socket } from 'engine.io';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { LeanEngine } from '../../../src/transports/engine.js';

let http: Server;
let engine: LeanEngine;

beforeEach(async () => {
  http = createServer();
  engine = new LeanEngine();
  engine.attach(http, { path: '/engine' });
  await once(http.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => {
  engine.close();
  http.close();
  http.closeAllConnections();
});

const url = () => `127.0.0.1:${(http.address() as AddressInfo).port}/engine/?EIO=4`;
const open = () => new WebSocket(`ws://${url()}&transport=websocket`);
async function connect(): Promise<[WebSocket, Socket & { request: IncomingMessage }]> {
  const connected = once(engine, 'connection');
  const client = open();
  await once(client, 'message');
  return [client, (await connected)[0]];
}

const wrappers = ({ request }: Socket & { request: IncomingMessage }) =>
  request.socket.rawListeners('close').filter((listener) => 'listener' in listener);

it('keeps no response of a WebSocket', async () => {
  const [, socket] = await connect();
  expect(wrappers(socket)).toEqual([]);
});

it('tells middlewares of the end of a response', async () => {
  const ended: string[] = [];
  engine.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
    response.on('close', () => ended.push(request.url ?? ''));
    next();
  });
  const [client, socket] = await connect();
  expect(ended).toEqual([]);
  const closed = once(socket.request.socket, 'close');
  client.terminate();
  await closed;
  expect(ended).toEqual([expect.stringContaining('transport=websocket')]);
});

it('ends when its WebSocket does, and answers what comes before', async () => {
  const [client, socket] = await connect();
  socket.on('message', (text) => socket.send(`${text}!`));
  client.send('4hello');
  expect(String((await once(client, 'message'))[0])).toBe('4hello!');
  const closed = once(socket, 'close');
  client.terminate();
  expect((await closed)[0]).toBe('transport close');
  expect(engine.clientsCount).toBe(0);
});

it('ends once at an error', async () => {
  const [client, socket] = await connect();
  const reasons: string[] = [];
  socket.on('close', (reason) => reasons.push(reason));
  const closed = once(client, 'close');
  const { transport } = socket;
  transport.emit('error', new Error('first'));
  transport.emit('error', new Error('second'));
  await closed;
  expect(reasons).toEqual(['transport error']);
});

it('changes over from polling', async () => {
  const connected = once(engine, 'connection');
  const { sid } = JSON.parse((await (await fetch(`http://${url()}&transport=polling`)).text()).slice(1));
  const [socket] = (await connected) as [Socket];
  const client = new WebSocket(`ws://${url()}&transport=websocket&sid=${sid}`);
  await once(client, 'open');
  client.send('2probe');
  expect(String((await once(client, 'message'))[0])).toBe('3probe');
  const upgraded = once(socket, 'upgrade');
  client.send('5');
  await upgraded;
  socket.send('over');
  expect(String((await once(client, 'message'))[0])).toBe('4over');
  const closed = once(socket, 'close');
  client.terminate();
  expect((await closed)[0]).toBe('transport close');
});
