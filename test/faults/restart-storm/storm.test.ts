import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { runStorm } from './run.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

describe('two hundred clients whose instance is killed', () => {
  it(
    'are all back on another one with nothing missed, for a few connections to the database',
    { timeout: 120_000 },
    async () => {
      const report = await runStorm({
        databaseUrl: database.url,
        clients: 200,
        processes: 1,
        how: 'SIGKILL',
      });
      expect(report.wrong).toEqual([]);
      expect(report.events).toBeGreaterThan(20);
      expect(report.vitals).toMatchObject({ lost: 0, unready: 0 });
      expect(report.vitals.pings).toBeGreaterThan(2);
      // The killed one's may not have been noticed yet.
      expect(report.connections).toBeLessThanOrEqual(20);
    },
  );
});
