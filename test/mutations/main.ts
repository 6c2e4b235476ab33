/** `npm run test:mutations`: takes each defence away in a copy of the tree, and shows the test that notices. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmbedded } from '../../src/database/embedded.js';
import { allMutations } from './all.js';
import type { Mutation } from './mutations.js';

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

interface Result {
  readonly failed: readonly string[];
  readonly passed: number;
}

async function runTests(
  tree: string,
  databaseUrl: string,
  { test, only }: Pick<Mutation, 'test' | 'only'>,
): Promise<Result> {
  const report = join(tree, 'report.json');
  await rm(report, { force: true });
  const args = ['vitest', 'run', test, '--reporter=json', `--outputFile=${report}`];
  args.push(
    `--testTimeout=${testTimeoutMs}`,
    `--hookTimeout=${hookTimeoutMs}`,
    ...(only === undefined ? [] : ['-t', only]),
  );
  const env = { ...process.env, TEST_DATABASE_URL: databaseUrl };
  const failed = await new Promise<boolean>((resolve) => {
    execFile('npx', args, { cwd: tree, env }, (error) => resolve(error !== null));
  });
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as {
    testResults: { assertionResults: { status: string; fullName: string }[] }[];
  };
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const titles = all.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  return {
    // It would have ended a process of its own.
    failed: failed && titles.length === 0 ? ['an error that nobody handled'] : titles,
    passed: all.filter(({ status }) => status === 'passed').length,
  };
}

const word = process.argv[2];
const chosen = allMutations.filter(({ name }) => new RegExp(word ?? '').test(name));
for (const { name, file, from } of chosen) {
  const text = await readFile(join(root, file), 'utf8');
  if (text.split(from).length !== 2)
    throw new Error(`"${name}": its text must stand exactly once in ${file}`);
}
const dataDir = await mkdtemp(join(tmpdir(), 'hashi-test-mutations-'));
const tree = join(dataDir, 'tree');
const postgres = await startEmbedded({ dataDir: join(dataDir, 'data'), tuning: 'test' });
let missed = 0;
try {
  for (const path of copied) await cp(join(root, path), join(tree, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
  // What fails without a mutation shows nothing.
  for (const test of new Set(chosen.map((mutation) => mutation.test))) {
    const words = chosen.flatMap((mutation) => (mutation.test === test ? [mutation.only ?? ''] : []));
    const { failed, passed } = await runTests(tree, postgres.url, { test, only: words.join('|') });
    if (failed.length > 0 || passed === 0)
      throw new Error(`${test} must pass on the tree as it is: ${failed.join('; ')}`);
  }
  for (const mutation of chosen) {
    const path = join(tree, mutation.file);
    const text = await readFile(path, 'utf8');
    await writeFile(
      path,
      text.replace(mutation.from, () => mutation.to),
    );
    const { failed } = await runTests(tree, postgres.url, mutation);
    await writeFile(path, text);
    const caught = failed.length > 0;
    if (!caught) missed++;
    console.log(`${caught ? 'caught' : 'MISSED'}  ${mutation.name}`);
    for (const title of failed) console.log(`        ${title}`);
  }
} finally {
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}
console.log(`${chosen.length - missed} of ${chosen.length} caught`);
process.exitCode = missed === 0 ? 0 : 1;
