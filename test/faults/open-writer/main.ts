/** `npm run open-writer -- --events N --ticks N`: what one `advance()` costs behind a transaction that stays open. */
import { parseArgs } from 'node:util';
import { connectClient } from '../../../src/database/client.js';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { runOpenWriter } from './run.js';

const { values } = parseArgs({
  options: { events: { type: 'string', default: '300000' }, ticks: { type: 'string', default: '3600' } },
});
const [events, ticks] = [values.events, values.ticks].map(Number) as [number, number];
if (!(events > 0) || !(ticks > 0)) {
  process.stderr.write('Usage: npm run open-writer -- [--events N] [--ticks N]\n');
  process.exit(2);
}

const { postgres, stop } = await startOwnPostgres('open-writer');
try {
  const control = await connectClient({ url: postgres.url, applicationName: 'open-writer' });
  await control.query('create database elsewhere');
  await control.end();
  const elsewhere = new URL(postgres.url);
  elsewhere.pathname = '/elsewhere';
  const { works, numbered, numberedMs, dense } = await runOpenWriter({
    databaseUrl: postgres.url,
    elsewhereUrl: elsewhere.href,
    events,
    ticks,
  });
  console.table(
    Object.fromEntries(works.map(({ when, pages, ms }) => [when, { pages, ms: Number(ms.toFixed(2)) }])),
  );
  console.log(
    `on its commit ${numbered} are numbered in ${(numberedMs / 1000).toFixed(1)} s, ${dense ? 'dense' : 'WITH HOLES'}`,
  );
  const [alone, ...others] = works.map(({ pages }) => pages);
  if (!dense || numbered !== events || Math.max(...others) > (alone ?? 0) * 2) process.exitCode = 1;
} finally {
  await stop();
}
