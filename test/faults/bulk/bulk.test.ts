import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../support/database.js';
import { runBulk } from './run.js';

let database: TestDatabase;
beforeEach(async () => {
  database = await createDatabase();
});
afterEach(() => database.drop());

describe('a statement that changes very many rows', { timeout: 110_000 }, () => {
  it('keeps nobody else from committing, and every row is told once', async () => {
    const rows = 10_000;
    const report = await runBulk({ databaseUrl: database.url, rows, bytes: 0 });
    expect(report.p99Ms).toBeLessThan(1000);
    expect(report.told).toEqual([
      { client: 'raw', events: rows, gaps: [] },
      { client: 'socketio', events: rows, gaps: [] },
    ]);
    // Who is kept from reading for long enough is cut off, and resumes: on a busy machine that may happen.
    expect(report.vitals.unready).toBe(0);
    expect(report.vitals.pings).toBeGreaterThan(2);
  });
});
