import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { closeHttp, listen, ownHttpServer, socketsOf } from '../../../src/http/own-server.js';

const short = { upgradeTimeoutMs: 100, heartbeatIntervalMs: 50, heartbeatTimeoutMs: 50 };
const place = { host: '127.0.0.1', port: 0 };

it('lets go of who asks and takes no answer', async () => {
  const http = ownHttpServer(short);
  const sockets = socketsOf(http);
  const answer = Buffer.alloc(64 << 20, 'x');
  http.on('request', (_request, response) => response.end(answer));
  await listen(http, place);
  const silent = connect((http.address() as AddressInfo).port, '127.0.0.1').pause();
  silent.on('error', () => undefined);
  silent.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const [socket] = await once(http, 'connection');
  await once(socket, 'close');
  expect(silent.bytesRead).toBeLessThan(answer.length);
  silent.destroy();
  await closeHttp(http, sockets);
});
