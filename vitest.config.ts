import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Whether there is such a program; the tests look in the same places. */
function has(name: string): boolean {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'].some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** What takes most of the time: browsers, clusters and processes of their own, faults that have to last. */
const long = [
  'test/browser/**',
  'test/faults/**',
  'test/adapter/{example,faults,frozen,install,instances,options,recovery,takeover}.test.ts',
  'test/api/example.test.ts',
  'test/unit/cli/serve.test.ts',
  'test/hostile/fuzz/**',
  'test/hostile/{codes,database-role,floods,guessing,handshakes,limits,slow-readers,stolen-session,strangers,tokens,tricks}.test.ts',
  'test/integration/{cli,cli-doctor,cli-serve,client,compose,demo,dump,embedded,instances,log-mutant,log-retention}.test.ts',
  'test/integration/{migrate,resume-socketio,uninstall,workers,workers-limits}.test.ts',
];

/** What takes longest begins first: nobody waits for it alone at the end. The first mostly waits, beside the others. */
const first = [
  'test/faults/chaos/',
  'test/integration/embedded.',
  'test/faults/connections.',
  'test/browser/console',
  'test/adapter/faults.',
  'test/hostile/strangers.',
  'test/integration/workers.',
  'test/hostile/tokens.',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = first.findIndex((path) => moduleId.includes(path));
      return at < 0 ? first.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

// Node is all that the other tests need; in CI a missing browser is a failure.
function leftOut(mode: string): string[] {
  // For `npm run check`.
  if (mode === 'quick') return long;
  const files: string[] = [];
  if (process.env['CI'] === undefined && process.env['CHROMIUM_PATH'] === undefined && !has('chromium')) {
    console.warn('The browser tests are left out: there is no Chromium. On Debian: apt-get install chromium');
    files.push('test/browser/**');
  }
  if (process.env['CI'] === undefined && !has('pgbouncer')) {
    console.warn('The test of PgBouncer is left out: there is none. On Debian: apt-get install pgbouncer');
    files.push('test/faults/pgbouncer.test.ts');
  }
  if (!has('nginx')) {
    console.warn(
      'The test of the proxy is left out: there is no nginx. On Debian: apt-get install nginx-light',
    );
    files.push('test/integration/compose.test.ts');
  }
  return files;
}

export default defineConfig(({ mode }) => ({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', ...leftOut(mode)],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is waited for comes when it comes: a busy machine is no failure.
    expect: { poll: { timeout: 20_000 } },
    // One more than the cores of a small machine: many tests wait more than they compute.
    maxWorkers: 3,
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
  },
}));
