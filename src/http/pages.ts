/** Loads the console's files, which lie beside this one both in src and in dist. */
import { readFile } from 'node:fs/promises';
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
 * The console by path, in a map of its own to which other pages can be added.
 * @throws OperatorError when the installation is incomplete
 */
export async function loadPages(): Promise<Map<string, Page>> {
  const pages = new Map<string, Page>();
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
