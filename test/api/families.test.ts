import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import {
  changed,
  column,
  columns,
  count,
  deleted,
  family,
  inserted,
  object,
  player,
  related,
  room,
  set,
  table,
} from '../../src/catalog/index.js';
import { createServer, defineConfig, type Server } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ioClient, rawClient, type TestClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

const boards = table('board.boards', { id: 'uuid', title: 'text' });
const members = table('board.members', { board_id: 'uuid', who: 'text' });
const tasks = table('board.tasks', {
  id: 'bigint',
  board_id: 'uuid',
  title: 'text',
  points: 'numeric?',
  assignee: 'text?',
  done_at: 'timestamp?',
  secret: 'text?',
});

const membersOf = { of: boards, key: 'id', table: members, by: 'board_id' } as const;
const membership = { primaryKey: ['board_id', 'who'], by: 'board_id', player: 'who' } as const;

const boardFamily = family('board:event', {
  table: boards,
  keys: { boardId: column(boards, 'id') },
  audience: room('board', boards, 'id'),
  events: {
    'board.entered': related(members, membership, inserted(), 'join'),
    'board.quit': related(members, membership, deleted(), 'leave'),
    'board.closed': { transition: deleted(), effect: 'close' },
  },
  payload: object({
    ...columns(boards, 'id', 'title'),
    who: changed(members, 'who'),
    members: count(membersOf),
  }),
});

const taskFamily = family('task:event', {
  table: tasks,
  keys: { taskId: column(tasks, 'id') },
  audience: room('board', tasks, 'board_id'),
  events: { 'task.added': inserted(), 'task.done': set(tasks, 'done_at') },
  payload: object(columns(tasks, 'id', 'title', 'points', 'done_at')),
});

const assignments = family('assignment:event', {
  table: tasks,
  keys: { taskId: column(tasks, 'id') },
  audience: player(tasks, 'assignee'),
  events: { 'assignment.given': set(tasks, 'assignee', { byInsert: true }) },
  payload: object(columns(tasks, 'id', 'assignee')),
});

const project = defineConfig({ documentedFamilies: false, families: [boardFamily, taskFamily, assignments] });

let database: TestDatabase;
let server: Server<any>;
let at: { url: string; wsUrl: string };
const clients: TestClient[] = [];
const keep = <C extends TestClient>(client: C): C => (clients.push(client), client);

function make() {
  return createServer({
    ...project,
    env: {},
    settings: { DATABASE_URL: database.url, PORT: 0, HASHI_DRAIN_MS: 50 },
    logger: createLogger({ level: 'silent', format: 'json' }),
    authenticate: (token) => ({ playerId: token }),
  });
}

beforeAll(async () => {
  database = await createDatabase();
  await database.query(`
    create schema board;
    create table board.boards (id uuid primary key default gen_random_uuid(), title text not null);
    create table board.members (
      board_id uuid references board.boards on delete cascade, who text, primary key (board_id, who)
    );
    create table board.tasks (
      id bigint generated always as identity (start with 9007199254740993) primary key,
      board_id uuid references board.boards on delete cascade, title text not null, points numeric,
      assignee text, done_at timestamptz, secret text
    );
  `);
  server = make();
  const { url } = await server.start();
  at = { url, wsUrl: url.replace('http', 'ws') };
});
afterEach(() => clients.splice(0).forEach((client) => client.close()));
afterAll(async () => {
  await server.stop();
  await database.drop();
});

async function makeBoard(...who: string[]): Promise<string> {
  const [board] = await database.query(`insert into board.boards (title) values ('plan') returning id`);
  for (const name of who) await database.query('insert into board.members values ($1, $2)', [board.id, name]);
  return board.id as string;
}

describe('families over tables of a project of its own', () => {
  it('makes none of the documented tables', async () => {
    const rows = await database.query(`select to_regclass('public.contracts') as contracts`);
    expect(rows).toEqual([{ contracts: null }]);
  });

  it('delivers to the members of a room, with exact payloads, and to nobody else', async () => {
    const board = await makeBoard('ann', 'bob');
    const ann = keep(rawClient(at, 'ann'));
    const bob = keep(ioClient(at, 'bob'));
    const eve = keep(rawClient(at, 'eve'));
    await Promise.all([ann.next('connected'), bob.next('connected'), eve.next('connected')]);

    await database.query(
      `insert into board.tasks (board_id, title, points, secret) values ($1, 'draw', 12345678901234567890.5, 's3cret')`,
      [board],
    );
    const added = await ann.next('task.added');
    expect(added).toEqual({
      type: 'task:event',
      data: {
        type: 'task.added',
        taskId: '9007199254740993',
        timestamp: expect.stringMatching(/Z$/),
        payload: { id: '9007199254740993', title: 'draw', points: '12345678901234567890.5', done_at: null },
      },
    });
    expect((await bob.next('task.added')).data).toEqual(added.data);

    await database.query(`update board.tasks set assignee = 'eve' where board_id = $1`, [board]);
    expect(await eve.next()).toMatchObject({
      type: 'assignment:event',
      data: { payload: { assignee: 'eve' } },
    });
  });

  it('moves members in and out of their room as rows change', async () => {
    const board = await makeBoard();
    const ann = keep(rawClient(at, 'ann'));
    const bob = keep(rawClient(at, 'bob'));
    await Promise.all([ann.next('connected'), bob.next('connected')]);
    const add = (title: string) =>
      database.query('insert into board.tasks (board_id, title) values ($1, $2)', [board, title]);

    await add('before');
    await database.query(`insert into board.members values ($1, 'ann'), ($1, 'bob')`, [board]);
    await add('between');
    await database.query(`delete from board.members where board_id = $1 and who = 'ann'`, [board]);
    await add('after');
    await database.query('delete from board.boards where id = $1', [board]);
    await database.query(`insert into board.tasks (title, assignee) values ('marker', 'ann')`);

    const seen = (await ann.until('assignment.given')).map(
      ({ data }) => data.payload.title ?? data.payload.who ?? data.type,
    );
    expect(seen).toEqual(['plan', 'plan', 'between', 'plan', 'assignment.given']);
    const types = (await bob.until('board.closed')).map(({ data }) => data.type);
    expect(types).toEqual(['board.entered', 'task.added', 'board.quit', 'task.added', 'board.closed']);
  });

  it('calls rooms by prefix and id, for the server API as well', async () => {
    const board = await makeBoard('ann');
    const ann = keep(rawClient(at, 'ann'));
    const eve = keep(ioClient(at, 'eve'));
    await Promise.all([ann.next('connected'), eve.next('connected')]);
    const found = await server.io.in(`board:${board}`).fetchSockets();
    expect(found.map(({ data }) => data.playerId)).toEqual(['ann']);
    server.io.to(`board:${board}`).emit('chat', { text: 'hello' });
    server.io.emit('end');
    expect((await ann.until('end')).slice(0, -1)).toEqual([{ type: 'chat', data: { text: 'hello' } }]);
    expect((await eve.until('end')).map(({ type }) => type)).toEqual(['end']);
  });

  it('gives their types to listeners', () => {
    const typed = make();
    typed.on('task.added', (event) => {
      expectTypeOf(event.taskId).toEqualTypeOf<string>();
      expectTypeOf(event.payload.points).toEqualTypeOf<string | null>();
      // @ts-expect-error a column that is not in the payload
      void event.payload.secret;
    });
    // @ts-expect-error no event of any family
    typed.on('task.renamed', () => undefined);
  });

  it('says which table is missing, and installs nothing', async () => {
    const other = await createDatabase();
    const failing = createServer({
      ...project,
      env: {},
      settings: { DATABASE_URL: other.url, PORT: 0 },
      logger: createLogger({ level: 'silent', format: 'json' }),
      authenticate: (token) => ({ playerId: token }),
    });
    await expect(failing.start()).rejects.toThrow(/missing the table board\.boards/);
    expect(await other.query(`select to_regnamespace('realtime') as there`)).toEqual([{ there: null }]);
    await other.drop();
  });
});
