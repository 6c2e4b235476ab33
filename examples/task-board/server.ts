/**
 * A task board over three tables: members of a board see its tasks change, whoever writes the rows.
 *
 *     DATABASE_URL=postgres://… PORT=3000 npx tsx server.ts     and open http://127.0.0.1:3000/?me=ann
 */
import { createServer as createHttpServer } from 'node:http';
import * as on from 'hashi-socket/catalog';
import { createServer } from 'hashi-socket';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
await pool.query(`
  create table if not exists boards (id uuid primary key default gen_random_uuid(), title text not null);
  create table if not exists members (board_id uuid references boards on delete cascade, who text, primary key (board_id, who));
  create table if not exists tasks (id uuid primary key default gen_random_uuid(),
    board_id uuid not null references boards on delete cascade, title text not null, done_at timestamptz)`);

const boards = on.table('boards', { id: 'uuid', title: 'text' });
const members = on.table('members', { board_id: 'uuid', who: 'text' });
const tasks = on.table('tasks', { id: 'uuid', board_id: 'uuid', title: 'text', done_at: 'timestamp?' });
const membership = { primaryKey: ['board_id', 'who'], by: 'board_id', player: 'who' } as const;

export const boardEvents = on.family('board:event', {
  table: boards,
  keys: { boardId: on.column(boards, 'id') },
  audience: on.room('board', boards, 'id'),
  events: {
    'board.entered': on.related(members, membership, on.inserted(), 'join'),
    'board.left': on.related(members, membership, on.deleted(), 'leave'),
  },
  payload: on.object({ title: on.column(boards, 'title'), who: on.changed(members, 'who') }),
});

export const taskEvents = on.family('task:event', {
  table: tasks,
  keys: { taskId: on.column(tasks, 'id') },
  audience: on.room('board', tasks, 'board_id'),
  events: {
    'task.added': on.inserted(),
    'task.done': on.set(tasks, 'done_at'),
    'task.removed': on.deleted(),
  },
  payload: on.object(on.columns(tasks, 'title', 'done_at')),
});

const page = `<!doctype html><title>Tasks</title><ul id="tasks"></ul><script>
  const me = new URLSearchParams(location.search).get('me');
  new WebSocket(location.origin.replace('http', 'ws') + '/live?token=' + me).onmessage = ({ data }) => {
    const { type, data: event } = JSON.parse(data);
    const line = document.createElement('li');
    line.textContent = type + ' ' + (event.type ?? '') + ' ' + (event.payload?.title ?? '');
    document.getElementById('tasks').append(line);
  };
</script>`;
const http = createHttpServer((_request, response) =>
  response.setHeader('Content-Type', 'text/html').end(page),
);

const server = createServer({
  httpServer: http,
  rawPath: '/live',
  documentedFamilies: false,
  families: [boardEvents, taskEvents],
  // A name is enough here; a real board checks a session.
  authenticate: (token) => ({ playerId: token }),
});
server.on('task.done', (event) => console.log(`done: ${event.payload.title}`));
http.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  void server.start().then(() => console.log(`listening on ${JSON.stringify(http.address())}`));
});
process.once('SIGTERM', () => {
  void Promise.all([server.stop(), pool.end()]).then(() => http.close());
});
