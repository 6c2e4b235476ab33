import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const module = new URL('../../../src/cli/young-generation.ts', import.meta.url).href;

/** How large the young generation of a process that keeps what it makes has become, in MiB. */
async function sizeMib(...args: string[]): Promise<number> {
  const script = `
    await import(${JSON.stringify(module)});
    const kept = [];
    for (let n = 0; n < 600_000; n++) kept.push({ n, list: [n] });
    const { getHeapSpaceStatistics } = await import('node:v8');
    const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    console.log(space_size / 2 ** 20, kept.length);`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    ...args,
    '--import',
    'tsx',
    '--input-type=module',
    '--eval',
    script,
  ]);
  expect(stderr).toBe('');
  return Number.parseFloat(stdout);
}

it('keeps the young generation small, unless its size is given', async () => {
  expect(await sizeMib()).toBeLessThanOrEqual(8);
  expect(await sizeMib('--max-semi-space-size=16')).toBeGreaterThan(8);
});
