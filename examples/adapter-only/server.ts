/**
 * A chat that was there before: any Socket.IO server, with the adapter as its only part of hashi-socket.
 * Start it as often as you like, on one database:
 *
 *     DATABASE_URL=postgres://… PORT=3000 npx tsx server.ts
 */
import { createServer } from 'node:http';
import { createAdapter } from 'hashi-socket/adapter';
import pg from 'pg';
import { Server } from 'socket.io';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
const adapter = createAdapter(pool);

const http = createServer();
const io = new Server(http, {
  adapter,
  // Whoever loses the connection gets what was missed, from any instance.
  connectionStateRecovery: { maxDisconnectionDuration: 2 * 60_000 },
});

io.on('connection', async (socket) => {
  await socket.join('lounge');
  socket.on('say', (text: string) => io.to('lounge').emit('said', text));
});

await adapter.ready();
http.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(`listening on ${JSON.stringify(http.address())}`);
});

process.once('SIGTERM', () => {
  void io.close().then(() => pool.end());
});
