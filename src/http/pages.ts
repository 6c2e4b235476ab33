/** Loads what browsers are given: the console's files, which lie beside this one both in src and in dist, and the docs. */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { createSite } from '../docs/site.js';
import type { Sources } from '../docs/sections.js';
import { OperatorError } from '../errors.js';
import type { Page } from './server.js';

export interface PagesOptions {
  readonly docs?: Sources;
  /** Whether the console shows what a development desk is for. */
  readonly development?: boolean;
}

const folder = new URL('console/', import.meta.url);
const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/**
 * By path, in a map of its own to which other pages can be added: the console at `/` and `/console/…`, and with `docs`
 * what is made from them.
 * @throws OperatorError when the installation is incomplete
 */
export async function loadPages({ docs, development = false }: PagesOptions = {}): Promise<
  Map<string, Page>
> {
  const pages = new Map<string, Page>(docs && (await createSite(docs)));
  const names = await readdir(folder).catch((cause: unknown) => {
    throw incomplete(folder.pathname, cause);
  });
  for (const name of names) {
    const contentType = contentTypes[extname(name)];
    if (contentType !== undefined) pages.set(`/console/${name}`, { contentType, body: await read(name) });
  }
  pages.delete('/console/index.html');
  const html = (await read('index.html')).toString();
  const body = development ? html.replace('<html ', '<html data-development ') : html;
  pages.set('/', { contentType: contentTypes['.html'] ?? '', body: Buffer.from(body) });
  pages.set('/console/socket.io.js', {
    contentType: contentTypes['.js'] ?? '',
    body: await socketIoClient(),
  });
  return pages;
}

/** Socket.IO's own client for browsers, which comes with its server: always the version that fits. */
async function socketIoClient(): Promise<Buffer> {
  const manifest = createRequire(import.meta.url).resolve('socket.io/package.json');
  const path = join(dirname(manifest), 'client-dist', 'socket.io.esm.min.js');
  const script = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw incomplete(path, cause);
  });
  // The map it names is not served.
  return Buffer.from(script.replace(/^\/\/# sourceMappingURL=.*$/m, ''));
}

async function read(name: string): Promise<Buffer> {
  const url = new URL(name, folder);
  return readFile(url).catch((cause: unknown) => {
    throw incomplete(url.pathname, cause);
  });
}

function incomplete(path: string, cause: unknown): OperatorError {
  return new OperatorError(`The console's file ${path} cannot be read: install hashi-socket again.`, {
    cause,
  });
}
