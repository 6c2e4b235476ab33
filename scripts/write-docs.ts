/** Writes the generated files of docs/. */
import { mkdir, writeFile } from 'node:fs/promises';
import { docsFolder, generatedDocs } from './docs.js';

await mkdir(docsFolder, { recursive: true });
const files = await generatedDocs();
for (const [name, text] of files) await writeFile(new URL(name, docsFolder), text);
console.log(`wrote ${[...files.keys()].map((name) => `docs/${name}`).join(', ')}`);
// The metrics of the process keep a timer.
process.exit();
