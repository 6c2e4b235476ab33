/**
 * Measures the product against its peers and writes down what came out:
 *
 *   npm run bench -- [--only fanout,writers] [--repeats 5] [--growth] [--quick] [--profile] [--no-build] [--output bench]
 *
 * Ratios between systems of one run are the result. A run in which a delivery is lost or doubled is void. The
 * server has core 0 for itself; Postgres, load generators and this process are on core 1, but for the parts that
 * measure writers, where everybody shares both.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crowd } from './parts/crowd.js';
import { fanout, rooms } from './parts/fanout.js';
import { growth } from './parts/growth.js';
import { idle } from './parts/idle.js';
import { instances } from './parts/instances.js';
import { log } from './parts/log.js';
import { rate } from './parts/rate.js';
import { writers } from './parts/writers.js';
import { startPostgres, type Postgres } from './support/databases.js';
import type { Context, Part } from './support/part.js';
import { loadCore, pin, requireLinux } from './support/processes.js';
import { printProfiles } from './support/profile.js';
import { machine } from './support/machine.js';
import { printVerdicts, writeResults, type PartResult } from './support/results.js';
import { nodeArguments } from './systems/instance.js';

const parts: readonly Part[] = [fanout, rooms, rate, idle, crowd, log, writers, instances, growth];

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    repeats: { type: 'string', default: '5' },
    growth: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
    output: { type: 'string', default: 'bench' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(parts.map(({ name, about }) => `${name.padEnd(10)} ${about}`).join('\n'));
  process.exit(0);
}

const repeats = Number(values.repeats);
if (!Number.isInteger(repeats) || repeats < 1) throw new Error('--repeats must be a whole number above 0');
const wanted = values.only?.split(',');
const unknown = wanted?.find((name) => parts.every((part) => part.name !== name));
if (unknown !== undefined) {
  throw new Error(`--only knows ${parts.map(({ name }) => name).join(', ')}, and not ${unknown}`);
}
const chosen = parts.filter((part) =>
  wanted ? wanted.includes(part.name) : part !== growth || values.growth,
);

requireLinux();
if (
  !values['no-build'] &&
  spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' }).status !== 0
) {
  throw new Error('what is to be measured could not be built');
}
pin(process.pid, loadCore);

let profiles: string | undefined;
if (values.profile) {
  profiles = mkdtempSync(join(tmpdir(), 'hashi-profile-'));
  nodeArguments.push('--cpu-prof', `--cpu-prof-dir=${profiles}`);
}

let shared: Promise<Postgres> | undefined;
const context: Context = {
  repeats,
  quick: values.quick,
  postgres: () => (shared ??= startPostgres()),
};

console.log(`${machine()}; ${repeats} repeats${values.quick ? '; quick: the figures say nothing' : ''}`);
const results: PartResult[] = [];
const startedAt = new Date();
try {
  for (const part of chosen) {
    const began = performance.now();
    console.log(`\n── ${part.name}: ${part.about}`);
    const outcome = await part.run(context);
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(`\n(${seconds} s)`);
    results.push({ part: part.name, about: part.about, seconds, ...outcome });
  }
} finally {
  await (await shared)?.stop();
  if (results.length > 0) {
    mkdirSync(values.output, { recursive: true });
    writeResults(values.output, { startedAt, machine: machine(), repeats, quick: values.quick }, results);
    printVerdicts(results);
  }
  if (profiles !== undefined) {
    printProfiles(profiles);
    rmSync(profiles, { recursive: true });
  }
}
// Children that hang must not keep it.
process.exit(0);
