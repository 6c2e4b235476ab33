/** That what is read in one question is told in parts, while it comes, and every part of it once. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Feed, type FeedObserver } from '../../src/log/feed.js';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';
import { startProxy } from '../support/proxy.js';

let database: MigratedDatabase;
beforeAll(async () => {
  database = await createMigratedDatabase();
});
afterAll(() => database.drop());

const write = (count: number) =>
  database.query(
    `insert into contracts (terms) select jsonb_build_object('text', repeat('x', 4000)) from generate_series(1, ${count})`,
  );
const upTo = (first: number, count: number) => Array.from({ length: count }, (_, at) => first + at);

/** Follows without a sweep, and notes what it is told. */
function follow(url: string, observer: Partial<FeedObserver> = {}) {
  const seqs: number[] = [];
  const parts: { count: number; more: boolean }[] = [];
  const read: number[] = [];
  const feed = new Feed({
    url,
    sweepMs: 1e9,
    pageSize: 500,
    observer: {
      onRead: (count) => read.push(count),
      onGap: (reason) => {
        throw new Error(reason);
      },
      ...observer,
      onEntries(entries, more) {
        seqs.push(...entries.map(({ seq }) => seq));
        parts.push({ count: entries.length, more });
        expect(feed.position).toBe(seqs.at(-1));
        observer.onEntries?.(entries, more);
      },
    },
  });
  return { feed, seqs, parts, read };
}

it('is told in order while it comes, and that more follows until the last of it', async () => {
  const { feed, seqs, parts, read } = follow(database.url);
  await feed.start();
  const first = feed.position + 1;
  await write(1200);
  await expect.poll(() => seqs.length, { timeout: 10_000 }).toBe(1200);
  expect(seqs).toEqual(upTo(first, 1200));
  await feed.stop();
  expect(parts.length).toBeGreaterThan(read.length);
  expect(Math.max(...parts.map(({ count }) => count))).toBeLessThan(100);
  expect(parts.map(({ more }) => more)).toEqual(parts.map((_, at) => at < parts.length - 1));
  expect(read.reduce((sum, count) => sum + count)).toBe(1200);
  expect(Math.max(...read)).toBe(500);
});

it('is told that more follows though another has numbered it, and its end is not known yet', async () => {
  const { feed, seqs, parts } = follow(database.url);
  await feed.start();
  const first = feed.position + 1;
  // No commit rings meanwhile.
  const ringer = await database.connect();
  await ringer.query('select pg_advisory_lock(748177132, hashtext(current_database()))');
  await write(400);
  await ringer.query('select realtime.advance()');
  await expect.poll(() => seqs.length, { timeout: 10_000 }).toBe(400);
  await ringer.end();
  await feed.stop();
  expect(seqs).toEqual(upTo(first, 400));
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.map(({ more }) => more)).toEqual(parts.map((_, at) => at < parts.length - 1));
});

it('goes on by the same connection where telling it has failed', async () => {
  let ups = 0;
  const downs: string[] = [];
  const { feed, seqs } = follow(database.url, {
    onEntries(_entries, more) {
      if (more && downs.length === 0) throw new Error('cannot be told');
    },
    onUp: () => void ups++,
    onDown: ({ message }) => void downs.push(message),
  });
  await feed.start();
  const first = feed.position + 1;
  await write(400);
  await expect.poll(() => seqs.length, { timeout: 10_000 }).toBe(400);
  await feed.stop();
  expect(seqs).toEqual(upTo(first, 400));
  expect([ups, downs]).toEqual([1, ['cannot be told']]);
});

it('is told once where the connection is lost in the middle of it', async () => {
  const proxy = await startProxy(database.url);
  let whole = false;
  let cuts = 0;
  let downs = 0;
  const { feed, seqs } = follow(proxy.through(database.url), {
    onEntries(_entries, more) {
      if (!more || !whole || cuts === 3) return;
      whole = false;
      cuts++;
      proxy.cut();
    },
    onUp: () => void (whole = true),
    onDown: () => void downs++,
  });
  await feed.start();
  const first = feed.position + 1;
  await write(1200);
  await expect.poll(() => seqs.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(1200);
  await feed.stop();
  await proxy.stop();
  expect(seqs).toEqual(upTo(first, 1200));
  expect([cuts, downs]).toEqual([3, 3]);
});
