/** That the server begins with a young generation of one size, however it is started. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const textOf = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

it('is told to Node by npm start and by the image, and taken', async () => {
  const { scripts } = JSON.parse(await textOf('package.json')) as { scripts: { start: string } };
  const sizes = scripts.start.match(/--\w+-semi-space-size=\d+/g) ?? [];
  expect(sizes).toHaveLength(2);
  const entry = /^ENTRYPOINT (.*)$/m.exec(await textOf('Dockerfile'))?.[1] ?? '[]';
  expect(JSON.parse(entry)).toEqual(['node', ...sizes, 'dist/cli/main.js']);
  expect(await textOf('docs/operations.md')).toContain(`node ${sizes.join(' ')}`);

  const script = `
    const { getHeapSpaceStatistics } = require('node:v8');
    const mib = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size / 2 ** 20;
    const sizes = [mib()];
    const kept = [];
    for (let n = 0; n < 600_000; n++) kept.push({ n, list: [n] });
    console.log(JSON.stringify([...sizes, mib(), kept.length]));`;
  const { stdout } = await promisify(execFile)(process.execPath, [...sizes, '--eval', script]);
  const [first, last] = JSON.parse(stdout) as number[];
  // Of its two halves the second is there when it has been needed.
  expect([16, 32]).toContain(first);
  expect(last).toBe(32);
});
