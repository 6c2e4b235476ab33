/**
 * `npm run key-storm`: thousands of clients come while the key server fails, in each way it can.
 *
 *   npm run key-storm -- [--clients 5000] [--seconds 10]
 *
 * Fails when a token of a known key is refused, when another one is not told AUTH_UNAVAILABLE, or when the key server
 * is asked more often than once in a second at first and ever less often later.
 */
import { parseArgs } from 'node:util';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { failures, storm, type Failure } from './storm.js';

const { values } = parseArgs({
  options: { clients: { type: 'string', default: '5000' }, seconds: { type: 'string', default: '10' } },
});
const clients = Number(values.clients);
const seconds = Number(values.seconds);
if (!(clients > 1) || !(seconds > 0)) {
  process.stderr.write('Usage: npm run key-storm -- [--clients N] [--seconds S]\n');
  process.exit(2);
}

const { postgres, stop } = await startOwnPostgres('key-storm');
let wrong = false;
try {
  for (const failure of Object.keys(failures) as Failure[]) {
    const { known, unknown, requests, retried, staying, tookMs } = await storm(
      postgres.url,
      failure,
      clients,
      seconds * 1000,
    );
    process.stdout.write(
      `the key server ${failure}: ${clients} clients in ${(tookMs / 1000).toFixed(1)} s; known key ${JSON.stringify(known)}; ` +
        `unknown key ${JSON.stringify(unknown)}; asked ${requests} times; ${retried} tried again\n`,
    );
    const fine =
      Object.keys(known).join() === 'connected' && Object.keys(unknown).join() === 'AUTH_UNAVAILABLE 1013';
    if (!fine || !staying || requests > 1 + tookMs / 1000) wrong = true;
  }
} finally {
  await stop();
}
process.exit(wrong ? 1 : 0);
