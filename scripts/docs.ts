/** The Markdown files of docs/ that are made from the code, as they are to be checked in. */
import { format, resolveConfig } from 'prettier';
import { catalog } from '../src/catalog/index.js';
import { writePages } from '../src/docs/pages.js';
import { createMetrics } from '../src/telemetry/metrics.js';

export const docsFolder = new URL('../docs/', import.meta.url);

/** By file name. */
export async function generatedDocs(): Promise<ReadonlyMap<string, string>> {
  const { registry } = createMetrics();
  const pages = await writePages({ catalog, registry });
  const style = await resolveConfig(new URL('x.md', docsFolder));
  const files = [...pages].map(
    async ([name, text]) => [`${name}.md`, await format(text, { ...style, parser: 'markdown' })] as const,
  );
  return new Map(await Promise.all(files));
}
