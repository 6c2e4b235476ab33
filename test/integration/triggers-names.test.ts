/** Tables and keys that are called like what a trigger function works with. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  column,
  columns,
  everyone,
  family,
  inserted,
  list,
  lookup,
  object,
  player,
  set,
  table,
} from '../../src/catalog/index.js';
import { migrate } from '../../src/database/migrate.js';
import { createBareDatabase, type MigratedDatabase } from '../support/migrated.js';

const parents = table('parents', { id: 'uuid', o: 'text?' });
const odd = table('odd', {
  id: 'uuid',
  o: 'uuid?',
  at: 'timestamp?',
  t: 'text?',
  events: 'text?',
  found_1: 'text?',
  change: 'text?',
  'it\'s "odd" \\ ☃': 'text?',
});

const parent = lookup({ from: odd, by: 'o', table: parents, key: 'id', column: 'o' });
const first = family('odd:event', {
  table: odd,
  keys: { o: column(odd, 'id'), body: parent, 'it\'s "odd" \\ ☃': column(odd, 'at'), found_1: parent },
  audience: everyone,
  events: { 'odd.inserted': inserted(), 'odd.set': set(odd, 'at') },
  payload: object({
    ...columns(odd, 'o', 'at', 't', 'events', 'found_1', 'change', 'it\'s "odd" \\ ☃'),
    body: parent,
    new: list({
      of: odd,
      key: 'o',
      table: odd,
      by: 'o',
      orderBy: 't',
      fields: columns(odd, 't', 'o', 'found_1'),
    }),
  }),
});
const second = family('odder:event', {
  table: odd,
  keys: { o: column(odd, 'id') },
  audience: player(odd, 't'),
  events: { 'odder.set': set(odd, 'at') },
  payload: parent,
});

let db: MigratedDatabase;
beforeAll(async () => {
  db = await createBareDatabase();
  await db.query(`
    create table parents (id uuid primary key default gen_random_uuid(), o text);
    create table odd (
      id uuid primary key default gen_random_uuid(), o uuid, at timestamptz, t text, events text, found_1 text, change text,
      "it's ""odd"" \\ ☃" text
    )`);
  await migrate(await db.connect(), { catalog: { families: [first, second], rights: [] } });
});
afterAll(() => db.drop());

it('makes events of rows whose columns and keys are called like its variables', async () => {
  const [{ id: o }] = await db.query(`insert into parents (o) values ('above "') returning id`);
  await db.query(`insert into odd (o, t) values ($1, 'z')`, [o]);
  const [event, other, ...more] = await db.written(async () => {
    await db.query(`insert into odd (o, t, events, found_1, change) values ($1, 'a', 'e', 'f', 'c')`, [o]);
    await db.query(`update odd set at = '2026-01-02T03:04:05.5Z', "it's ""odd"" \\ ☃" = 'y' where t = 'a'`);
  });
  const others = [
    { t: 'a', o, found_1: 'f' },
    { t: 'z', o, found_1: null },
  ];
  const payload = {
    o,
    at: null,
    t: 'a',
    events: 'e',
    found_1: 'f',
    change: 'c',
    body: 'above "',
    new: others,
  };
  expect(event).toMatchObject({ type: 'odd.inserted', room: '*', player: null });
  expect(event?.data).toEqual({
    type: 'odd.inserted',
    o: expect.any(String),
    body: 'above "',
    'it\'s "odd" \\ ☃': null,
    found_1: 'above "',
    timestamp: expect.stringMatching(/Z$/),
    payload: { ...payload, 'it\'s "odd" \\ ☃': null },
  });
  const at = '2026-01-02T03:04:05.500Z';
  expect(other?.data).toMatchObject({
    type: 'odd.set',
    'it\'s "odd" \\ ☃': at,
    payload: { ...payload, at, 'it\'s "odd" \\ ☃': 'y' },
  });
  expect(more).toMatchObject([
    { type: 'odder.set', room: null, player: 'a', data: { type: 'odder.set', payload: 'above "' } },
  ]);
});

it('keeps what one row has found from the next', async () => {
  const events = await db.written(`insert into odd (t) values ('alone')`);
  expect(events).toMatchObject([{ data: { body: null, payload: { body: null, new: [] } } }]);
});
