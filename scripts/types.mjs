/** Checks the types of everything, the TypeScript in the README and in docs/ too: written to files first, then compiled with the rest. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, '.cache');
const folder = join(cache, 'examples');
const pages = readdirSync(join(root, 'docs')).map((name) => `docs/${name}`);

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
let written = 0;
for (const page of ['README.md', ...pages]) {
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm);
  for (const [index, [, source]] of [...blocks].entries()) {
    // Made of a reader's own files, which are not here.
    if (/ from '\.\.?\//.test(source)) continue;
    const name = `${page.replace(/^docs\//, '').replace('.md', '')}-${index + 1}`;
    // A line that says what the reader would see go wrong.
    writeFileSync(join(folder, `${name}.ts`), `// Example ${index + 1} of ${page}\n${source}`);
    written++;
  }
}
if (written < 8) throw new Error(`the documents hold only ${written} examples: where have the others gone?`);

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const args = ['--noEmit', '--incremental', '--tsBuildInfoFile', join(cache, 'types.tsbuildinfo')];
const { status } = spawnSync(process.execPath, [tsc, ...args], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
