/** `npm run churn -- --changes N --seed S`: joins, leaves and subscriptions race events; each delivery is checked. */
import { parseArgs } from 'node:util';
import { createPool } from '../../../src/database/client.js';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { startServer } from '../../support/server.js';
import { areWell, vitalsLine } from '../support/vitals.js';
import { churnSettings, runChurn } from './run.js';

const { values } = parseArgs({
  options: { changes: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
const [changes, seed] = [values.changes, values.seed].map(Number) as [number, number];
if (!(changes > 0) || !Number.isInteger(seed)) {
  process.stderr.write('Usage: npm run churn -- [--changes N] [--seed WHOLE_NUMBER]\n');
  process.exit(2);
}

const { postgres, stop } = await startOwnPostgres('churn');
const pool = createPool({ url: postgres.url, applicationName: 'churn', max: 8 });
try {
  const server = await startServer(postgres.url, {
    ...churnSettings,
    LOG_LEVEL: 'warn',
  });
  try {
    const { vitals, ...report } = await runChurn({ pool, server, changes, seed });
    console.table(report);
    console.log(vitalsLine(vitals));
    const bad = report.unauthorised + report.missing + report.disorder + report.misgreeted;
    if (bad > 0 || !areWell(vitals)) {
      console.log(`FAILED: repeat with  npm run churn -- --changes ${changes} --seed ${seed}`);
      process.exitCode = 1;
    }
  } finally {
    await server.stop();
  }
} finally {
  await pool.end();
  await stop();
}
