/** `npm run restart-storm -- --clients N`: the clients of one instance come back at once to another one. */
import { parseArgs } from 'node:util';
import { startOwnPostgres } from '../../support/own-postgres.js';
import { areWell, vitalsLine } from '../support/vitals.js';
import { runStorm } from './run.js';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '5000' },
    processes: { type: 'string', default: '4' },
    how: { type: 'string', default: 'both' },
  },
});
const [clients, processes] = [values.clients, values.processes].map(Number) as [number, number];
const ways = { kill: ['SIGKILL'], drain: ['SIGTERM'], both: ['SIGKILL', 'SIGTERM'] }[values.how] as
  ('SIGKILL' | 'SIGTERM')[] | undefined;
if (!(clients > 0) || !(processes > 0) || !ways) {
  process.stderr.write(
    'Usage: npm run restart-storm -- [--clients N] [--processes N] [--how kill|drain|both]\n',
  );
  process.exit(2);
}

/** What is promised: seconds, and connections to the database of all instances together. */
const mostSeconds = 30;
const mostConnections = 20;

const show = (text: string) => process.stdout.write(`${text}\n`);
for (const how of ways) {
  const { postgres, stop } = await startOwnPostgres('storm');
  try {
    const report = await runStorm({ databaseUrl: postgres.url, clients, processes, how, say: show });
    const { seconds, connections, active, events, wrong, vitals } = report;
    const good =
      wrong.length === 0 && seconds < mostSeconds && connections <= mostConnections && areWell(vitals);
    show(
      `${good ? 'ok' : 'FAILED'}  ${how}: ${clients} clients back in ${seconds.toFixed(1)} s with at most ${connections} ` +
        `connections to the database (${active} at work), ${events} events meanwhile, ${wrong.length} faults`,
    );
    show(`    the other instance: ${vitalsLine(vitals)}`);
    if (wrong.length > 0) show(wrong.slice(0, 20).join('\n'));
    if (!good) process.exitCode = 1;
  } finally {
    await stop();
  }
}
