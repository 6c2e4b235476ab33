import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { runOpenWriter } from './run.js';

let database: TestDatabase;
let elsewhere: TestDatabase;
beforeAll(async () => {
  [database, elsewhere] = [await createDatabase(), await createDatabase()];
});
afterAll(() => Promise.all([database.drop(), elsewhere.drop()]));

describe('a transaction that stays open, in this database or another one', () => {
  it(
    'makes no call of advance() look at more, and is numbered whole when it commits',
    { timeout: 60_000 },
    async () => {
      const events = 20_000;
      const { works, numbered, dense } = await runOpenWriter({
        databaseUrl: database.url,
        elsewhereUrl: elsewhere.url,
        events,
        ticks: 300,
      });
      const [alone, ...others] = works.map(({ pages }) => pages);
      // Its events are in hundreds of pages.
      for (const pages of others) expect(pages).toBeLessThan(2 * alone! + 20);
      expect({ numbered, dense }).toEqual({ numbered: events, dense: true });
    },
  );
});
