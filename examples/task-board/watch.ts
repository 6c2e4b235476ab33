/**
 * A client of the task board in a terminal. What it listens to is typed by the server's own families.
 *
 *     URL=http://127.0.0.1:3000/live ME=ann npx tsx watch.ts
 */
import type { MessageOf } from 'hashi-socket/catalog';
import { connect } from 'hashi-socket/client';
import WebSocket from 'ws';
import type { boardEvents, taskEvents } from './server.js';

const client = connect<MessageOf<typeof boardEvents | typeof taskEvents>>({
  url: process.env['URL'] ?? 'http://127.0.0.1:3000/live',
  token: () => process.env['ME'] ?? 'ann',
  WebSocket,
});
client.on('connected', () => console.log('watching'));
client.on('board.entered', ({ payload }) => console.log(`${payload.who} has entered ${payload.title}`));
client.on('task.done', ({ payload }) => console.log(`${payload.title} is done, ${payload.done_at}`));
process.once('SIGTERM', () => client.close());
