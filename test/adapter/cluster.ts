/** The primary and the workers of a node cluster that serves one port: `cluster.ts DATABASE_URL`. */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { Server } from 'socket.io';
import { createAdapter } from '../../src/adapter/index.js';

const workers = 2;
const [url] = process.argv.slice(2);
if (url === undefined) throw new Error('usage: cluster.ts DATABASE_URL');

if (cluster.isPrimary) {
  const ready = Array.from({ length: workers }, async () => {
    const [message] = (await once(cluster.fork(), 'message')) as [{ port: number }];
    return message.port;
  });
  const [port] = await Promise.all(ready);
  process.on('message', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.kill();
    cluster.disconnect(() => process.exit(0));
  });
  process.send?.({ url: `http://127.0.0.1:${port}` });
} else {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const adapter = createAdapter(pool);
  const http = createServer();
  const io = new Server(http, { adapter, transports: ['websocket'] });
  io.on('connection', (socket) => {
    socket.on('shout', (text: string) => io.emit('news', text));
    socket.on('who', (answer: (pid: number) => void) => answer(process.pid));
    socket.on('count', (answer: (n: number) => void) => {
      void io.fetchSockets().then((sockets) => answer(sockets.length));
    });
  });
  await adapter.ready();
  // All workers share whatever port the first one is given.
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  while ((await io.of('/').adapter.serverCount()) < workers)
    await new Promise((resolve) => setTimeout(resolve, 20));
  process.send?.({ port: (http.address() as AddressInfo).port });
}
