/** The tables of an application: drizzle's and plain ones, with ids and players of several types, and their events. */
import {
  bigint,
  bigserial,
  integer,
  numeric,
  pgSchema,
  serial,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';
import * as on from '../../src/catalog/index.js';

const app = pgSchema('app');
const teams = app.table('teams', {
  teamId: serial('team_id').primaryKey(),
  name: text('team_name').notNull(),
  score: bigint('score', { mode: 'number' }).notNull(),
  budget: numeric('budget', { mode: 'number' }),
  tags: text('tags').array().notNull(),
  madeAt: timestamp('made_at', { withTimezone: true }).notNull(),
});
const teamMembers = app.table('team_members', {
  teamId: integer('team_id').notNull(),
  userId: uuid('user_id').notNull(),
});
export const guildMembers = on.table('app.guild_members', { guild: 'uuid', member_id: 'bigint' });
export const guilds = on.table('app.guilds', { id: 'uuid', title: 'text' });
const posts = app.table('posts', {
  id: bigserial('id', { mode: 'bigint' }).primaryKey(),
  teamId: integer('team_id').notNull(),
  title: text('title').notNull(),
});
const comments = on.table('app.comments', { id: 'bigint', post_id: 'bigint', author: 'uuid?', body: 'text' });
const notices = on.table('app.notices', { id: 'bigint', for_user: 'bigint?', body: 'json' });

const teamEvents = on.family('team:event', {
  table: teams,
  keys: { teamId: on.column(teams, 'teamId') },
  audience: on.room('team', teams, 'teamId'),
  events: {
    'team.scored': on.set(teams, 'score'),
    'team.entered': on.related(
      teamMembers,
      { primaryKey: ['teamId', 'userId'], by: 'teamId', player: 'userId' },
      on.inserted(),
      'join',
    ),
    'team.left': on.related(
      teamMembers,
      { primaryKey: ['teamId', 'userId'], by: 'teamId', player: 'userId' },
      on.deleted(),
      'leave',
    ),
  },
  payload: on.object({
    ...on.columns(teams, 'name', 'score', 'budget', 'tags', 'madeAt'),
    who: on.changed(teamMembers, 'userId'),
  }),
});

const guildEvents = on.family('guild:event', {
  table: guilds,
  keys: { guildId: on.column(guilds, 'id') },
  audience: on.room('guild', guilds, 'id'),
  events: {
    'guild.entered': on.related(
      guildMembers,
      { primaryKey: ['guild', 'member_id'], by: 'guild', player: 'member_id' },
      on.inserted(),
      'join',
    ),
    'guild.left': on.related(
      guildMembers,
      { primaryKey: ['guild', 'member_id'], by: 'guild', player: 'member_id' },
      on.deleted(),
      'leave',
    ),
  },
  payload: on.object({ title: on.column(guilds, 'title'), who: on.changed(guildMembers, 'member_id') }),
});

const toTeam = { from: comments, by: 'post_id', table: posts, key: 'id' } as const;
const commentEvents = on.family('comment:event', {
  table: comments,
  keys: { commentId: on.column(comments, 'id') },
  // The room of the team whose post it is.
  audience: on.roomThrough('team', { ...toTeam, column: 'teamId' }),
  events: { 'comment.made': on.inserted() },
  payload: on.object({
    body: on.column(comments, 'body'),
    post: on.lookup({ ...toTeam, column: 'title' }),
    team: on.lookup({ ...toTeam, column: 'teamId' }),
    score: on.lookup({
      from: posts,
      by: 'teamId',
      table: teams,
      key: 'teamId',
      column: 'score',
      through: toTeam,
    }),
    since: on.lookup({
      from: posts,
      by: 'teamId',
      table: teams,
      key: 'teamId',
      column: 'madeAt',
      through: toTeam,
    }),
  }),
});

const noticeEvents = on.family('notice:event', {
  table: notices,
  keys: {},
  audience: on.everyone,
  events: { 'notice.posted': on.inserted() },
  payload: on.column(notices, 'body'),
});
const mailEvents = on.family('mail:event', {
  table: notices,
  keys: {},
  audience: on.player(notices, 'for_user'),
  events: { 'mail.came': on.inserted() },
  payload: on.column(notices, 'body'),
});

/** Of everything above. */
export const families = [teamEvents, guildEvents, commentEvents, noticeEvents, mailEvents] as const;

/** Makes the tables. */
export const tablesSql = `
  create schema app;
  create table app.teams (team_id serial primary key, team_name text not null, score bigint not null default 0,
    budget numeric, tags text[] not null default '{}', made_at timestamptz not null default '2026-01-02T03:04:05.678Z');
  create table app.team_members (team_id int references app.teams, user_id uuid, primary key (team_id, user_id));
  create table app.guilds (id uuid primary key, title text not null);
  create table app.guild_members (guild uuid references app.guilds, member_id bigint, primary key (guild, member_id));
  create table app.posts (id bigserial primary key, team_id int not null references app.teams, title text not null);
  create table app.comments (id bigserial primary key, post_id bigint not null references app.posts, author uuid, body text not null);
  create table app.notices (id bigserial primary key, for_user bigint, body jsonb);
`;
