/** `npm run bulk -- --rows N --bytes B`: one large UPDATE while others write, and what it costs them and the server. */
import { parseArgs } from 'node:util';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { vitalsLine } from '../support/vitals.js';
import { runBulk } from './run.js';

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '100000' }, bytes: { type: 'string', default: '0' } },
});
const [rows, bytes] = [values.rows, values.bytes].map(Number) as [number, number];
if (!(rows > 0) || !(bytes >= 0)) {
  process.stderr.write('Usage: npm run bulk -- [--rows N] [--bytes BYTES_OF_EACH_EVENT]\n');
  process.exit(2);
}

const show = (text: string) => process.stdout.write(`${text}\n`);
const mib = (count: number) => (count / 2 ** 20).toFixed(0);
const { postgres, stop } = await startOwnPostgres('bulk');
try {
  const report = await runBulk({ databaseUrl: postgres.url, rows, bytes, say: show });
  show(
    `statement ${report.statementSeconds.toFixed(1)} s, all delivered ${report.deliveredSeconds.toFixed(1)} s after its commit\n` +
      `${report.commits} other commits meanwhile: median ${report.p50Ms.toFixed(0)} ms, p99 ${report.p99Ms.toFixed(0)} ms, at most ${report.mostMs.toFixed(0)} ms\n` +
      `memory of the server: ${mib(report.rssBefore)} MiB before, at most ${mib(report.rssMost)} MiB`,
  );
  for (const { client, events, gaps } of report.told) {
    show(
      `${client}: told of ${events} of ${rows} rows ${gaps.length > 0 ? `, gaps: ${gaps.join(', ')}` : ''}`,
    );
    if (events !== rows || gaps.length > 0) process.exitCode = 1;
  }
  show(vitalsLine(report.vitals));
  // Who does not read that much in time is cut off, and resumes.
  if (report.vitals.unready > 0) process.exitCode = 1;
  if (report.p99Ms >= 1000) process.exitCode = 1;
} finally {
  await stop();
}
