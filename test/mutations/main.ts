/**
 * `npm run test:mutations`: takes each defence away in a copy of the tree, and shows the test that notices.
 *
 *   npm run test:mutations -- [--shard 1/4] [--known-good] [PATTERN]
 *
 * PATTERN, a regular expression, chooses by name; a shard is a part of those. The tests are tried first on the tree as it
 * is, unless they are known to pass. A test that only waited in vain may have been on a machine that was too busy: it must
 * then pass, at once, with the defence in its place. Fails when a defence can be taken away and nothing notices.
 */
import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run, type Child } from '../support/child.js';
import { startOwnPostgres } from '../support/own-postgres.js';
import { allMutations } from './all.js';
import type { Mutation } from './mutation.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const copied = [
  'src',
  'migrations',
  'test',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'README.md',
  'docs',
];
/** A broken defence often shows as a test that waits in vain. */
const testTimeoutMs = 20_000;
/** What a failed test leaves open must not hold up the next mutation. */
const hookTimeoutMs = 15_000;

/** The tests under way, in a process group of their own, which no signal of a terminal reaches. */
let running: Child | undefined;
let ending = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    ending = true;
    running?.signal('SIGTERM');
  });
}

interface Failure {
  readonly title: string;
  /** The first line of what it said. */
  readonly why: string;
}

interface Result {
  readonly failed: readonly Failure[];
  readonly passed: number;
}

async function runTests(
  tree: string,
  databaseUrl: string,
  { test, only }: Pick<Mutation, 'test' | 'only'>,
): Promise<Result> {
  const report = join(tree, 'report.json');
  await rm(report, { force: true });
  // One test that notices is enough: with a defence gone many wait in vain.
  const args = ['node_modules/vitest/vitest.mjs', 'run', test, '--bail=1'];
  args.push('--reporter=json', `--outputFile=${report}`);
  args.push(
    `--testTimeout=${testTimeoutMs}`,
    `--hookTimeout=${hookTimeoutMs}`,
    ...(only === undefined ? [] : ['-t', only]),
  );
  const env = { ...process.env, TEST_DATABASE_URL: databaseUrl };
  running = run(process.execPath, args, { cwd: tree, env });
  const failed = (await running.exited) !== 0;
  // What the tests say while everything is taken from under them is no result.
  if (ending) await new Promise<never>(() => undefined);
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as {
    testResults: {
      message?: string;
      assertionResults: { status: string; fullName: string; failureMessages?: string[] }[];
    }[];
  };
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failures = all
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => ({ title: fullName, why: firstLine(failureMessages?.[0]) }));
  const other = {
    title: 'an error that nobody handled',
    // It would have ended a process of its own.
    why: firstLine(testResults.find(({ message }) => message)?.message),
  };
  return {
    failed: failed && failures.length === 0 ? [other] : failures,
    passed: all.filter(({ status }) => status === 'passed').length,
  };
}

/** The reporter gives a test that ran out of time a trace without a message. */
const firstLine = (text = '') =>
  text
    .replace(/^Error: STACK_TRACE_ERROR/, 'timed out')
    .split('\n', 1)[0]
    ?.slice(0, 160) ?? '';

/** Whether nothing was found but that something did not come. */
const waitedInVain = ({ failed }: Result) =>
  failed.every(({ why }) => /timed out|still .* after \d+ ms/.test(why));

const { values, positionals } = parseArgs({
  options: { shard: { type: 'string', default: '1/1' }, 'known-good': { type: 'boolean' } },
  allowPositionals: true,
});
const [, shard = '', shards = ''] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(values.shard) ?? [];
if (positionals.length > 1 || shard === '' || Number(shard) > Number(shards)) {
  process.stderr.write('Usage: npm run test:mutations -- [--shard I/N] [--known-good] [PATTERN]\n');
  process.exit(2);
}
const fitting = allMutations.filter(({ name }) => new RegExp(positionals[0] ?? '').test(name));
const start = (before: number) => Math.floor((fitting.length * before) / Number(shards));
// Those that follow each other are noticed by the same tests, which need be tried once as they are.
const chosen = fitting.slice(start(Number(shard) - 1), start(Number(shard)));
for (const { name, file, from } of chosen) {
  const text = await readFile(join(root, file), 'utf8');
  if (text.split(from).length !== 2)
    throw new Error(`"${name}": its text must stand exactly once in ${file}`);
}
const { postgres, dataDir, stop } = await startOwnPostgres('mutations');
const tree = join(dataDir, 'tree');
let missed = 0;
const passes = async (mutation: Mutation) => {
  const { failed, passed } = await runTests(tree, postgres.url, mutation);
  return failed.length === 0 && passed > 0;
};
try {
  for (const path of copied) await cp(join(root, path), join(tree, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
  // What fails without a mutation shows nothing.
  const tests = values['known-good'] ? [] : chosen.map(({ test }) => test);
  for (const test of new Set(tests)) {
    console.log(`${test}, as it is`);
    const words = chosen.flatMap((mutation) => (mutation.test === test ? [mutation.only ?? ''] : []));
    const { failed, passed } = await runTests(tree, postgres.url, { test, only: words.join('|') });
    if (failed.length > 0 || passed === 0)
      throw new Error(
        `${test} must pass on the tree as it is: ${failed.map(({ title, why }) => `${title} (${why})`).join('; ')}`,
      );
  }
  for (const mutation of chosen) {
    const path = join(tree, mutation.file);
    const text = await readFile(path, 'utf8');
    await writeFile(
      path,
      text.replace(mutation.from, () => mutation.to),
    );
    const result = await runTests(tree, postgres.url, mutation);
    await writeFile(path, text);
    const unclear = result.failed.length > 0 && waitedInVain(result) && !(await passes(mutation));
    const caught = result.failed.length > 0 && !unclear;
    if (!caught) missed++;
    console.log(`${caught ? 'caught' : unclear ? 'UNCLEAR' : 'MISSED'}  ${mutation.name}`);
    for (const { title, why } of result.failed) console.log(`        ${title}\n          ${why}`);
  }
} finally {
  await stop();
}
console.log(`${chosen.length - missed} of ${chosen.length} caught`);
process.exitCode = missed === 0 ? 0 : 1;
