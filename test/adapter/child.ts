/** A Socket.IO server in a process of its own: `child.ts stock|ours DATABASE_URL`, told what to do over IPC. */
import { startNode } from './support.js';

const [kind, url] = process.argv.slice(2);
if (url === undefined) throw new Error('usage: child.ts stock|ours DATABASE_URL');

const node = await startNode(url, {
  stock: kind === 'stock',
  guarded: false,
  server: { connectionStateRecovery: {} },
});
node.io.on('connection', (socket) => void socket.join('red'));
process.on('message', (message: { emit?: unknown[]; stop?: true }) => {
  if (message.emit) {
    node.io.emit(...(message.emit as [string]));
    process.send?.({ emitted: true });
  }
  if (message.stop) void node.stop().then(() => process.disconnect());
});
process.send?.({ url: node.url });
