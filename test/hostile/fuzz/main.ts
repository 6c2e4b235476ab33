/** `npm run fuzz -- --minutes M --seed N [--workers N]`: the fuzzer against a server and a database of its own. */
import { parseArgs } from 'node:util';
import { createPool } from '../../../src/database/client.js';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { startProcess } from '../process.js';
import { fuzz } from './fuzzer.js';
import { fuzzSettings } from './settings.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    workers: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const forMs = Number(values.minutes) * 60_000;
if (!Number.isSafeInteger(seed) || !(forMs > 0)) {
  process.stderr.write('Usage: npm run fuzz -- [--minutes M] [--seed N] [--workers N]\n');
  process.exit(2);
}
process.stdout.write(`seed ${seed}, ${values.minutes} min\n`);
const { postgres, dataDir, stop } = await startOwnPostgres('fuzz');
const pool = createPool({ url: postgres.url, applicationName: 'fuzz', max: 2 });
try {
  const serveArgs = values.workers === undefined ? [] : ['--workers', values.workers];
  const server = await startProcess(postgres.url, dataDir, fuzzSettings, [], serveArgs);
  try {
    let shown = performance.now();
    const cases = await fuzz({
      server,
      seed,
      forMs,
      query: async (sql, params) => (await pool.query<Record<string, unknown>>(sql, params)).rows,
      onProgress: (count) => {
        if (performance.now() - shown < 10_000) return;
        shown = performance.now();
        process.stdout.write(`${count} clients\n`);
      },
    });
    process.stdout.write(`${cases} clients: up, memory kept, honest streams exact\n`);
  } finally {
    await server.stop();
  }
} catch (error) {
  process.stderr.write(`failed with seed ${seed}\n`);
  throw error;
} finally {
  await pool.end();
  await stop();
}
// Sockets that were reset halfway may linger here; nothing of them matters any more.
process.exit(0);
