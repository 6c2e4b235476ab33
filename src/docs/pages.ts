/** The pages of the documentation: those made from the code, prose from `pages/` with what it knows filled in, and the rest. */
import { readFile } from 'node:fs/promises';
import { OperatorError } from '../errors.js';
import { sectionsOf, type Sources } from './sections.js';

/** In the order in which they are best read. */
export const pageGroups = [
  { title: 'The API', pages: ['protocol', 'events', 'errors', 'client'] },
  {
    title: 'Running it',
    pages: ['operations', 'settings', 'limits', 'metrics', 'guarantees', 'performance'],
  },
  { title: 'Building on it', pages: ['console', 'library', 'adapter', 'architecture'] },
] as const;

export type PageName = (typeof pageGroups)[number]['pages'][number];
export const pageNames: readonly PageName[] = pageGroups.flatMap(({ pages }) => [...pages]);

/** These are made; the others are written by hand in `docs/`, which comes with the package. */
export const generatedNames = ['protocol', 'events', 'errors', 'settings', 'metrics'] as const;

/** The Markdown of the generated pages. */
export async function writePages(sources: Sources): Promise<ReadonlyMap<PageName, string>> {
  const sections = sectionsOf(sources);
  const pages = await Promise.all(
    generatedNames.map(async (name) => {
      const prose = await read(new URL(`pages/${name}.md`, import.meta.url));
      const text = prose.replaceAll(/^\{\{(.*)\}\}$/gm, (_, section: string) => {
        const write = sections[section];
        if (!write) throw new Error(`page ${name} asks for "${section}", which nobody writes`);
        return write();
      });
      return [name, text] as const;
    }),
  );
  return new Map(pages);
}

/** The Markdown of every page, in order. */
export async function allPages(sources: Sources): Promise<ReadonlyMap<PageName, string>> {
  const generated = await writePages(sources);
  const pages = pageNames.map(async (name) => {
    // Two folders up both in src and in dist.
    const text = generated.get(name) ?? (await read(new URL(`../../docs/${name}.md`, import.meta.url)));
    return [name, text] as const;
  });
  return new Map(await Promise.all(pages));
}

async function read(url: URL): Promise<string> {
  try {
    return await readFile(url, 'utf8');
  } catch (cause) {
    throw new OperatorError(`The page ${url.pathname} cannot be read: install hashi-socket again.`, {
      cause,
    });
  }
}
