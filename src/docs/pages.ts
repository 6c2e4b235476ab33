/** The pages of the documentation: prose from `pages/`, with what the code knows filled in. */
import { readFile } from 'node:fs/promises';
import { OperatorError } from '../errors.js';
import { sectionsOf, type Sources } from './sections.js';

/** In the order in which they are best read. */
export const pageNames = ['protocol', 'events', 'errors', 'settings', 'metrics', 'operations'] as const;
export type PageName = (typeof pageNames)[number];

/** The Markdown of every page. */
export async function writePages(sources: Sources): Promise<ReadonlyMap<PageName, string>> {
  const sections = sectionsOf(sources);
  const pages = await Promise.all(
    pageNames.map(async (name) => {
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

async function read(url: URL): Promise<string> {
  try {
    return await readFile(url, 'utf8');
  } catch (cause) {
    throw new OperatorError(`The page ${url.pathname} cannot be read: install hashi-socket again.`, {
      cause,
    });
  }
}
