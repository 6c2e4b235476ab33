import { gzipSync } from 'node:zlib';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';

/** What is used here of esbuild, which comes with tsx. */
interface Esbuild {
  build: (options: object) => Promise<{
    outputFiles: { contents: Uint8Array }[];
    metafile: { inputs: Record<string, unknown> };
  }>;
}

const fromTsx = createRequire(createRequire(import.meta.url).resolve('tsx/package.json'));
const { build } = fromTsx('esbuild') as Esbuild;

it('is one file of at most 4 KB, gzipped, with nothing of the server in it', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: ['src/client/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    write: false,
    metafile: true,
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.filter((input) => !input.startsWith('src/client/'))).toEqual([]);
  const bytes = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
  expect(bytes).toBeLessThanOrEqual(4096);
  expect(bytes).toBeGreaterThan(1000);
});
