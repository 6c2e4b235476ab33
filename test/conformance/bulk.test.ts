/** Big rows, big statements, and transactions that came to nothing. */
import { describe, expect, it } from 'vitest';
import type { Message } from '../support/clients.js';
import { drivers } from './drivers.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();
const rows = 10_000;

/** Titles of the bounties: a polling client may be cut off as too slow, and gets the rest when it recovers. */
const titlesOf = (messages: readonly Message[]): string[] =>
  messages.flatMap(({ type, data }) => (type === 'bounty:event' ? [data.payload.title as string] : []));

describe.each(drivers)('bulk: $name', (driver) => {
  it('brings a row of 200 KB whole, whatever is in it', async () => {
    const client = await world.open(driver, somebody());
    const text = 'añ漢🦊"\\\n\u2028'.repeat(12_000);
    const terms = { text, list: Array.from({ length: 1000 }, (_, at) => at) };
    expect(Buffer.byteLength(JSON.stringify(terms))).toBeGreaterThan(200_000);
    await world.insert('contracts', { terms: JSON.stringify(terms) });
    const { data } = await client.next('contract.created');
    expect(data.payload.terms).toStrictEqual(terms);
  });

  it('brings the rows of one large statement whole and in order', async () => {
    const client = await world.open(driver, somebody());
    const name = somebody('statement');
    await world.query(
      `insert into bounties (title, created_by)
       select $1 || ' ' || g, 'x' from generate_series(1, $2::int) g`,
      [name, rows],
    );
    const [seen = []] = await world.settle(client);
    expect(titlesOf(seen)).toEqual(Array.from({ length: rows }, (_, at) => `${name} ${at + 1}`));
  });

  it('keeps the order of big and small events', async () => {
    const client = await world.open(driver, somebody());
    const name = somebody('sizes');
    await world.query(
      `insert into bounties (title, created_by)
       select $1 || ' ' || g || ' ' || repeat('x', case when g % 7 = 0 then 100000 else 1 end), 'x'
       from generate_series(1, 50) g`,
      [name],
    );
    const [seen = []] = await world.settle(client);
    expect(titlesOf(seen).map((title) => title.split(' ')[1])).toEqual(
      Array.from({ length: 50 }, (_, at) => String(at + 1)),
    );
  });

  it('tells nothing of a transaction that was rolled back, nor of what a savepoint took back', async () => {
    const player = somebody();
    const client = await world.open(driver, player);
    const lobby = await world.lobby();
    const undone = await world.database.pool.connect();
    try {
      await undone.query('begin');
      await undone.query('insert into contracts default values');
      await undone.query('insert into lobby_participants values ($1, $2)', [lobby.id, player]);
      await undone.query('rollback');

      await undone.query('begin');
      await undone.query(`insert into bounties (title, created_by) values ('kept', 'x')`);
      await undone.query('savepoint here');
      await undone.query(`insert into bounties (title, created_by) values ('undone', 'x')`);
      await undone.query('rollback to savepoint here');
      await undone.query(`insert into bounties (title, created_by) values ('kept too', 'x')`);
      await undone.query('commit');
    } finally {
      undone.release();
    }
    await world.file(lobby.id);
    const [seen = []] = await world.settle(client);
    expect(seen.map((message) => message.data.payload.title ?? message.data.type)).toEqual([
      'kept',
      'kept too',
      'contract.created',
    ]);
  });
});
