import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { bundleClient } from '../../support/bundle.js';

it('is one file of at most 4 KB, gzipped, with nothing of the server in it', async () => {
  const { contents, inputs } = await bundleClient();
  expect(inputs.filter((input) => !input.startsWith('src/client/'))).toEqual([]);
  const bytes = gzipSync(contents, { level: 9 }).length;
  expect(bytes).toBeLessThanOrEqual(4096);
  expect(bytes).toBeGreaterThan(1000);
});
