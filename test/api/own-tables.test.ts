/** Tables as others have them: drizzle's and plain, keys and players of other types than text, audiences by joins. */
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import WebSocket from 'ws';
import * as on from '../../src/catalog/index.js';
import { connect } from '../../src/client/index.js';
import { createServer, type Server } from '../../src/index.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ioClient, rawClient, type TestClient } from '../support/clients.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { families, guildMembers, guilds, tablesSql } from './app-tables.js';

const ann = '0d1c8d0e-6a1c-4d7e-9c1e-1f2a3b4c5d6e';
const bob = '42';
const guild = '11111111-2222-4333-8444-555555555555';

let database: TestDatabase;
let server: Server<any>;
let at: { url: string; wsUrl: string };
const clients: TestClient[] = [];
const keep = <C extends TestClient>(client: C): C => (clients.push(client), client);

const make = (url: string) =>
  createServer({
    documentedFamilies: false,
    families,
    env: {},
    settings: { DATABASE_URL: url, PORT: 0, HASHI_DRAIN_MS: 50 },
    logger: createLogger({ level: 'silent', format: 'json' }),
    authenticate: (token) => ({ playerId: token }),
  });

beforeAll(async () => {
  database = await createDatabase();
  await database.query(tablesSql);
  await database.query(`insert into app.teams (team_name, tags) values ('reds', '{a,b}'), ('blues', '{}')`);
  await database.query(`insert into app.team_members values (1, $1)`, [ann]);
  await database.query(`insert into app.guilds values ($1, 'smiths')`, [guild]);
  await database.query(`insert into app.guild_members values ($1, 42)`, [guild]);
  server = make(database.url);
  const { url } = await server.start();
  at = { url, wsUrl: url.replace('http', 'ws') };
});
afterEach(() => clients.splice(0).forEach((client) => client.close()));
afterAll(async () => {
  await server.stop();
  await database.drop();
});

it('lets everybody in, though not every id fits every column, and tells each what is his', async () => {
  const [uuids, numbers, guest] = [
    keep(rawClient(at, ann)),
    keep(ioClient(at, bob)),
    keep(rawClient(at, "guest'; --")),
  ];
  await Promise.all([uuids, numbers, guest].map((client) => client.next('connected')));
  await database.query('update app.teams set score = 9007199254740993, budget = 0.10 where team_id = 1');
  await database.query('update app.teams set score = 1 where team_id = 2');
  await database.query(`insert into app.guild_members values ($1, 43)`, [guild]);
  await database.query(`insert into app.notices (for_user, body) values (42, '{"n":[1,null]}')`);

  const team = await uuids.until('notice.posted');
  expect(team.map(({ data }) => data.type)).toEqual(['team.scored', 'notice.posted']);
  expect(team[0]).toEqual({
    type: 'team:event',
    data: {
      type: 'team.scored',
      teamId: 1,
      timestamp: expect.any(String),
      payload: {
        name: 'reds',
        score: '9007199254740993',
        budget: '0.10',
        tags: ['a', 'b'],
        madeAt: '2026-01-02T03:04:05.678Z',
        who: null,
      },
    },
  });
  const theirs = await numbers.until('mail.came');
  expect(theirs.map(({ data }) => data.type)).toEqual(['guild.entered', 'notice.posted', 'mail.came']);
  expect(theirs[0]?.data.payload).toEqual({ title: 'smiths', who: '43' });
  expect(theirs[2]?.data.payload).toEqual({ n: [1, null] });
  await database.query(`insert into app.notices (body) values ('1')`);
  const all = await guest.until(({ data }) => data.payload === 1);
  expect(all.map(({ data }) => data.type)).toEqual(['notice.posted', 'notice.posted']);
});

it('moves members of any type, live and for those who come back', async () => {
  const [uuids, numbers] = [keep(rawClient(at, ann, { resume: '1' })), keep(rawClient(at, bob))];
  const { data } = await uuids.next('connected');
  await numbers.next('connected');
  await database.query('insert into app.team_members values (2, $1)', [ann]);
  await database.query('update app.teams set score = 2 where team_id = 2');
  await database.query('delete from app.team_members where team_id = 2 and user_id = $1', [ann]);
  await database.query('update app.teams set score = 3 where team_id = 2');
  await database.query('delete from app.guild_members where member_id = 42');
  await database.query('insert into app.guild_members values ($1, 44)', [guild]);
  await database.query(`insert into app.notices (body) values ('"end"')`);
  const typesOf = (messages: readonly { data: any }[]) => messages.map((message) => message.data.type);
  const expected = ['team.entered', 'team.scored', 'team.left', 'notice.posted'];
  expect(typesOf(await uuids.until('notice.posted'))).toEqual(expected);
  expect(typesOf(await numbers.until('notice.posted'))).toEqual(['guild.left', 'notice.posted']);
  const back = keep(rawClient(at, ann, { since: data.cursor }));
  expect(typesOf((await back.until('notice.posted')).slice(1))).toEqual(expected);
  await database.query('insert into app.guild_members values ($1, 42)', [guild]);
  await numbers.next('guild.entered');
});

it('finds the room by a join, and tells values of other rows as texts', async () => {
  const [member, other] = [keep(ioClient(at, ann)), keep(rawClient(at, bob))];
  await Promise.all([member.next('connected'), other.next('connected')]);
  await database.query(`insert into app.posts (team_id, title) values (1, 'ours'), (2, 'theirs')`);
  await database.query(`update app.teams set score = 9007199254740993 where team_id = 1`);
  await database.query(
    `insert into app.comments (post_id, body) select id, 'on ' || title from app.posts order by id desc`,
  );
  await database.query(`insert into app.notices (body) values ('"end"')`);
  const heard = (await member.until('notice.posted')).filter(({ type }) => type === 'comment:event');
  expect(heard.map(({ data }) => data.payload)).toEqual([
    {
      body: 'on ours',
      post: 'ours',
      team: '1',
      score: '9007199254740993',
      since: '2026-01-02T03:04:05.678Z',
    },
  ]);
  expect((await other.until('notice.posted')).map(({ type }) => type)).toEqual(['notice:event']);
});

it('gives their types to listeners of the server and of the client', () => {
  const typed = make('postgres://db.test/app');
  typed.on('team.scored', (event) => {
    expectTypeOf(event.teamId).toEqualTypeOf<number>();
    // Drizzle reads numbers there; on the wire they are exact.
    expectTypeOf(event.payload.score).toEqualTypeOf<string>();
    expectTypeOf(event.payload.budget).toEqualTypeOf<string | null>();
    expectTypeOf(event.payload.tags).toEqualTypeOf<string[]>();
    expectTypeOf(event.payload.madeAt).toEqualTypeOf<string>();
    // @ts-expect-error the property is called otherwise
    void event.payload.team_name;
  });
  const client = connect<on.MessageOf<(typeof families)[number]>>({
    url: 'ws://server.test/',
    token: () => '',
    WebSocket,
  });
  client.on('comment.made', (event) => expectTypeOf(event.payload.post).toEqualTypeOf<string | null>());
  // @ts-expect-error of no family
  client.on('comment.unmade', () => undefined);
  client.close();
});

describe('a membership that is not whole is refused where it is defined', () => {
  const relation = { primaryKey: ['guild', 'member_id'], by: 'guild', player: 'member_id' } as const;
  const define = (events: Record<string, on.EventDefinition>, audience = on.room('guild', guilds, 'id')) =>
    on.family('guild:event', { table: guilds, keys: {}, audience, events, payload: on.object({}) });
  const enter = on.related(guildMembers, relation, on.inserted(), 'join');
  const leave = on.related(guildMembers, relation, on.deleted(), 'leave');

  it.each<[string, () => unknown, RegExp]>([
    ['nobody leaves', () => define({ a: enter }), /needs one event for joining and one for leaving/],
    ['nobody joins', () => define({ a: leave }), /needs one event for joining and one for leaving/],
    ['many join', () => define({ a: enter, b: enter, c: leave }), /needs one event for joining/],
    [
      'a join by another transition',
      () => define({ a: on.related(guildMembers, relation, on.deleted(), 'join'), b: leave }),
      /"a" is of a membership: write inserted\(\) with 'join'/,
    ],
    [
      'no effect',
      () => define({ a: on.related(guildMembers, relation, on.inserted()), b: leave }),
      /"a" is of a membership/,
    ],
    ['no room', () => define({ a: enter, b: leave }, on.everyone), /its audience must be a room/],
  ])('%s', (_what, make, sentence) => expect(make).toThrow(sentence));
});
