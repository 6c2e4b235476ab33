/** The documentation as the server gives it out: pages under /docs, and the AsyncAPI document. */
import { readFile } from 'node:fs/promises';
import { asyncApi } from './asyncapi.js';
import { toHtml } from './html.js';
import { pageNames, writePages, type PageName } from './pages.js';
import type { Sources } from './sections.js';

export interface SitePage {
  readonly contentType: string;
  readonly body: Buffer;
}

const html = 'text/html; charset=utf-8';

/** By path. Nothing in them is inline, and nothing comes from elsewhere: they pass a strict policy. */
export async function createSite(sources: Sources): Promise<ReadonlyMap<string, SitePage>> {
  const site = new Map<string, SitePage>();
  for (const [name, markdown] of await writePages(sources)) {
    site.set(pathOf(name), { contentType: html, body: Buffer.from(frame(name, markdown)) });
  }
  site.set('/docs.css', {
    contentType: 'text/css; charset=utf-8',
    body: await readFile(new URL('docs.css', import.meta.url)),
  });
  site.set('/asyncapi.json', {
    contentType: 'application/json; charset=utf-8',
    body: Buffer.from(`${JSON.stringify(asyncApi(sources.catalog, await version()), undefined, 2)}\n`),
  });
  return site;
}

/** The package's, three folders up both in src and in dist. */
async function version(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The first page is what somebody looks for under /docs. */
const pathOf = (name: PageName): string => (name === pageNames[0] ? '/docs' : `/docs/${name}`);

/** `events.md#x` ▶ `/docs/events#x`; what is no page of ours stays. */
function href(target: string): string {
  const [, name, rest = ''] = /^(\w+)\.md(#.*)?$/.exec(target) ?? [];
  const page = pageNames.find((known) => known === name);
  return page === undefined ? target : `${pathOf(page)}${rest}`;
}

function frame(name: PageName, markdown: string): string {
  const title = /^# (.*)$/m.exec(markdown)?.[1] ?? name;
  const links = pageNames.map((page) => {
    const current = page === name ? ' aria-current="page"' : '';
    return `<a href="${pathOf(page)}"${current}>${page}</a>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – hashi-socket</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs.css">
</head>
<body>
<header>
<a class="home" href="/">hashi-socket</a>
<nav aria-label="Pages">${links.join('')}<a href="/asyncapi.json">asyncapi.json</a></nav>
</header>
<main>
${toHtml(markdown, href)}
</main>
</body>
</html>
`;
}
