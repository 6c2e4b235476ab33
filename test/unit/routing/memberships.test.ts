import type { Pool } from 'pg';
import { expect, it } from 'vitest';
import { catalog, membershipTables } from '../../../src/catalog/index.js';
import { DatabaseMemberships } from '../../../src/routing/memberships.js';

const own = '0b8f7a52-9c1e-4a8f-8d55-2f3f0e6c1a01';
const other = '0b8f7a52-9c1e-4a8f-8d55-2f3f0e6c1a02';

/** A database that finds nothing, and what it was asked with. */
function asked() {
  const values: unknown[][] = [];
  const pool = {
    query: async (query: { values: unknown[] }) => {
      values.push(query.values);
      return { rows: [] };
    },
  } as unknown as Pool;
  return { values, memberships: new DatabaseMemberships(pool, membershipTables(catalog), catalog.lobbies) };
}

it('asks nothing for who leaves a lobby and is in none, whatever its name', async () => {
  const { memberships, values } = asked();
  for (const lobby of [own, other, 'ABC123', '', 'player:p1']) {
    expect(await memberships.roomAmong([], lobby)).toBe(null);
    expect(await memberships.roomAmong(['player:p1', 'some-socket', 'lobby:none'], lobby)).toBe(null);
  }
  expect(values).toEqual([]);
});

it('looks a name up among the lobbies that the client is in, and nowhere else', async () => {
  const { memberships, values } = asked();
  const rooms = ['player:p1', `lobby:${own}`];
  expect(await memberships.roomAmong(rooms, own.toUpperCase())).toBe(`lobby:${own}`);
  expect(values).toEqual([]);
  expect(await memberships.roomAmong(rooms, other)).toBe(null);
  expect(await memberships.roomAmong(rooms, 'ABC123')).toBe(null);
  expect(values).toEqual([
    [[own], other],
    [[own], 'ABC123'],
  ]);
});
