/** Stock Socket.IO: `io.emit`, and `io.to(room).emit`. Told by messages what to send. */
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { memberships, namedShape } from '../systems/shape.js';

const io = new Server({ serveClient: false, pingInterval: 25_000, pingTimeout: 60_000 });
const http = createServer();
io.attach(http);
const membership = memberships(namedShape());
let joined = 0;
io.on('connection', (socket) => {
  // Members come in order: client n is in the rooms that the benchmark says.
  for (const room of membership[joined++] ?? []) void socket.join(room);
});
process.on('message', ({ data, times, rooms }: { data: unknown; times: number; rooms?: string[] }) => {
  if (rooms) for (const room of rooms) io.to(room).emit('contract:event', data);
  else for (let i = 0; i < times; i++) io.emit('contract:event', data);
});
http.listen(0, '127.0.0.1', () => process.send?.({ port: (http.address() as { port: number }).port }));
