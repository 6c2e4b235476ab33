import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { limitWaiting, type RequestTimes } from '../../../src/transports/waiting.js';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A connection to a server that answers what may wait, and why connections were ended. */
async function dial(times: RequestTimes | null, answer: RequestListener) {
  const ended: string[] = [];
  const mayWait = limitWaiting({ times, onEnded: (why) => ended.push(why) });
  const server = createServer((request, response) => {
    if (mayWait(request, response)) answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  stops.push(
    () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
    () => socket.destroy(),
  );
  const [accepted] = (await once(server, 'connection')) as [Socket];
  return { socket, accepted, ended };
}

const hour = 3_600_000;

it('lets go of who asks and takes no answer', async () => {
  const large = Buffer.alloc(64 << 20, 'x');
  const times = { bodyMs: hour, answerMs: 200 };
  const { socket, accepted, ended } = await dial(times, (_request, response) => response.end(large));
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(accepted, 'close');
  expect(ended).toEqual(['slow']);
});

it('lets go of who goes on with a body after its answer', async () => {
  const times = { bodyMs: 200, answerMs: hour };
  const { socket, accepted, ended } = await dial(times, (_request, response) => response.end());
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n');
  await once(accepted, 'close');
  expect(ended).toEqual(['slow']);
});

it('keeps a connection that asks again and again for longer than one request may take', async () => {
  const times = { bodyMs: 400, answerMs: 400 };
  const { socket, ended } = await dial(times, (request, response) => {
    request.resume().on('end', () => response.end('done'));
  });
  const until = performance.now() + 3 * times.answerMs;
  while (performance.now() < until) {
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
  }
  expect(ended).toEqual([]);
});

it('leaves the time to a server that looks after it itself', async () => {
  const { socket, ended } = await dial(null, (request, response) => {
    request.resume().on('end', () => response.end('done'));
  });
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n');
  socket.write('x');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
  expect(ended).toEqual([]);
});
