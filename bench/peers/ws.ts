/** `ws`: `send()` to each client, the message serialised once. */
import { WebSocketServer, type WebSocket } from 'ws';
import { memberships, namedShape } from '../systems/shape.js';

const rooms = new Map<string, Set<WebSocket>>();
const membership = memberships(namedShape());
let joined = 0;
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  process.send?.({ port: (server.address() as { port: number }).port });
});
server.on('connection', (ws) => {
  for (const room of membership[joined++] ?? []) {
    const members = rooms.get(room) ?? new Set();
    members.add(ws);
    rooms.set(room, members);
  }
  ws.on('error', () => ws.terminate());
  ws.send('{"type":"connected"}');
});
process.on('message', ({ data, times, rooms: to }: { data: unknown; times: number; rooms?: string[] }) => {
  if (to) {
    for (const room of to) {
      const text = JSON.stringify({ type: 'contract:event', data });
      for (const ws of rooms.get(room) ?? []) ws.send(text);
    }
    return;
  }
  for (let i = 0; i < times; i++) {
    const text = JSON.stringify({ type: 'contract:event', data });
    for (const ws of server.clients) ws.send(text);
  }
});
