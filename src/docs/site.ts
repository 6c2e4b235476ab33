/** The documentation as the server gives it out: pages under /docs, and the AsyncAPI document. */
import { readFile } from 'node:fs/promises';
import { asyncApi } from './asyncapi.js';
import { escaped, headingsOf, toHtml } from './html.js';
import { allPages, pageGroups, pageNames, type PageName } from './pages.js';
import type { Sources } from './sections.js';

export interface SitePage {
  readonly contentType: string;
  readonly body: Buffer;
}

const html = 'text/html; charset=utf-8';

/** By path. Nothing in them is inline, and nothing comes from elsewhere: they pass a strict policy. */
export async function createSite(sources: Sources): Promise<ReadonlyMap<string, SitePage>> {
  const site = new Map<string, SitePage>();
  for (const [name, markdown] of await allPages(sources)) {
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

/** `events.md#x` ▶ `/docs/events#x`. The repository's other files are not on the server: null, no link. */
function href(target: string): string | null {
  const [, name, rest = ''] = /^([\w-]+)\.md(#.*)?$/.exec(target) ?? [];
  const page = pageNames.find((known) => known === name);
  if (page !== undefined) return `${pathOf(page)}${rest}`;
  return /^(#|https?:)/.test(target) ? target : null;
}

function frame(name: PageName, markdown: string): string {
  const title = /^# (.*)$/m.exec(markdown)?.[1] ?? name;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} – hashi-socket</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs.css">
</head>
<body>
<header>
<a class="skip" href="#content">Skip the navigation</a>
<a class="home" href="/docs">hashi-socket</a>
<a href="/">console</a>
<a href="/asyncapi.json">asyncapi.json</a>
</header>
<nav aria-label="Pages">${pageGroups.map((group) => groupHtml(group, name)).join('')}</nav>
<main id="content">
${toHtml(markdown, href)}
</main>
${contents(markdown)}
</body>
</html>
`;
}

function groupHtml({ title, pages }: (typeof pageGroups)[number], current: PageName): string {
  const items = pages.map((page) => {
    const mark = page === current ? ' aria-current="page"' : '';
    return `<li><a href="${pathOf(page)}"${mark}>${page}</a></li>`;
  });
  return `<div><h2>${title}</h2><ul>${items.join('')}</ul></div>`;
}

/** What is on a long page, beside it where there is room. */
function contents(markdown: string): string {
  const headings = headingsOf(markdown);
  if (headings.length < 3) return '';
  const items = headings.map(({ id, text }) => `<li><a href="#${id}">${escaped(text)}</a></li>`);
  return `<nav class="contents" aria-label="On this page"><h2>On this page</h2><ul>${items.join('')}</ul></nav>`;
}
