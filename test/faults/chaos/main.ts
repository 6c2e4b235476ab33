/** `npm run chaos -- --seed N --minutes M`: one run, a report, and the seed that repeats it. */
import { parseArgs } from 'node:util';
import { Progress } from '../../../src/cli/progress.js';
import { faults } from './faults/index.js';
import { createShutdown } from '../../../src/cli/signals.js';
import { failures } from './oracle.js';
import { runChaos } from './run.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string' },
    instances: { type: 'string' },
    only: { type: 'string', multiple: true },
    'freeze-seconds': { type: 'string' },
  },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
const minutes = Number(values.minutes ?? '1');
const unknown = values.only?.some((name) => !Object.hasOwn(faults, name));
const freezeMs = values['freeze-seconds'] === undefined ? undefined : Number(values['freeze-seconds']) * 1000;
if (!Number.isInteger(seed) || !(minutes > 0) || Number.isNaN(freezeMs) || unknown) {
  console.error(
    'usage: npm run chaos -- [--seed WHOLE_NUMBER] [--minutes NUMBER] [--instances NUMBER] [--only FAULT]… [--freeze-seconds NUMBER]',
    `faults: ${Object.keys(faults).join(', ')}`,
  );
  process.exit(2);
}
// With everything else that was asked for.
const repeated = Object.entries({ ...values, minutes: String(minutes) }).flatMap(([name, value]) =>
  name === 'seed' ? [] : [value].flat().map((one) => `--${name} '${one}'`),
);
const began = performance.now();
console.log(`seed ${seed}, ${minutes} min`);
const progress = new Progress(process.stdout);
const elapsed = () => (performance.now() - began) / 1000;
progress.begin(() => `of ${minutes} min and what it takes to catch up`);
const interrupted = new AbortController();
const run = runChaos({
  seed,
  durationMs: minutes * 60_000,
  instances: Number(values.instances ?? '2'),
  only: values.only,
  freezeMs,
  say: (line) => progress.say(`  ${elapsed().toFixed(1)} s  ${line}`),
  signal: interrupted.signal,
}).finally(() => progress.end());
// What it has started is ended, as after any run; who cannot wait for that sends a second signal.
const onSignal = createShutdown({
  onStopping: (name) => console.log(`${name}: ending what was started`),
  async stop() {
    interrupted.abort();
    await run.catch((_ended: unknown) => undefined);
  },
  exit: () => process.exit(1),
});
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => onSignal(name));
const { verdict, struck, connects, complaints } = await run.catch((error: unknown) => {
  if (!interrupted.signal.aborted) throw error;
  return process.exit(1);
});
const { details, ...figures } = verdict;
console.table(struck);
console.table({ ...figures, connects, complaints: complaints.length });
const bad = failures(verdict) + complaints.length;
if (bad > 0) {
  console.log([...details, ...complaints].join('\n'));
  console.log(`FAILED: repeat with  npm run chaos -- --seed ${seed} ${repeated.join(' ')}`);
}
process.exitCode = bad > 0 ? 1 : 0;
