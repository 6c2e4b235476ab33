/** A short run of the fuzzer; `npm run fuzz -- --minutes M` runs it for as long as you like. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createDatabase } from '../../support/database.js';
import { startProcess } from '../process.js';
import { fuzz } from './fuzzer.js';
import { fuzzSettings } from './settings.js';

it('survives what is nearly right, in all protocols, and serves the honest exactly', async () => {
  const database = await createDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'hashi-fuzz-'));
  const server = await startProcess(database.url, dataDir, fuzzSettings);
  try {
    const seed = 20260101;
    const cases = await fuzz({
      server,
      query: (sql, params) => database.query(sql, params),
      seed,
      forMs: 8_000,
    });
    expect(cases).toBeGreaterThan(100);
  } finally {
    await server.stop();
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  }
}, 120_000);
