/** Loads what browsers are given: the console's files, which lie beside this one both in src and in dist, and the docs. */
import { readFile } from 'node:fs/promises';
import { createSite } from '../docs/site.js';
import type { Sources } from '../docs/sections.js';
import { OperatorError } from '../errors.js';
import type { Page } from './server.js';

const files = [
  { path: '/', file: 'index.html', contentType: 'text/html; charset=utf-8' },
  { path: '/console.js', file: 'console.js', contentType: 'text/javascript; charset=utf-8' },
  {
    path: '/console-connection.js',
    file: 'console-connection.js',
    contentType: 'text/javascript; charset=utf-8',
  },
  {
    path: '/console-messages.js',
    file: 'console-messages.js',
    contentType: 'text/javascript; charset=utf-8',
  },
  { path: '/console.css', file: 'console.css', contentType: 'text/css; charset=utf-8' },
] as const;

/**
 * By path, in a map of its own to which other pages can be added: the console, and with `docs` what is made from them.
 * @throws OperatorError when the installation is incomplete
 */
export async function loadPages(docs?: Sources): Promise<Map<string, Page>> {
  const pages = new Map<string, Page>(docs && (await createSite(docs)));
  for (const { path, file, contentType } of files) {
    const url = new URL(`console/${file}`, import.meta.url);
    const body = await readFile(url).catch((cause: unknown) => {
      throw new OperatorError(
        `The console's file ${url.pathname} cannot be read: install hashi-socket again.`,
        {
          cause,
        },
      );
    });
    pages.set(path, { contentType, body });
  }
  return pages;
}
