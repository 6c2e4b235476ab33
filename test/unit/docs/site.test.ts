import { describe, expect, it } from 'vitest';
import { catalog } from '../../../src/catalog/index.js';
import { headingsOf, toHtml } from '../../../src/docs/html.js';
import { pageNames } from '../../../src/docs/pages.js';
import { loadPages } from '../../../src/http/pages.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';

const { registry } = createMetrics();
const pages = await loadPages({ docs: { catalog, registry } });
const text = (path: string) => pages.get(path)?.body.toString() ?? '';
const documents = [...pages.keys()].filter((path) => /^\/docs(\/|$)/.test(path));

describe('the documentation on the server', () => {
  it('has a page for each part, and the AsyncAPI document', () => {
    expect(documents).toEqual([
      '/docs',
      '/docs/events',
      '/docs/errors',
      '/docs/client',
      '/docs/operations',
      '/docs/settings',
      '/docs/limits',
      '/docs/metrics',
      '/docs/guarantees',
      '/docs/performance',
      '/docs/console',
      '/docs/library',
      '/docs/adapter',
      '/docs/architecture',
    ]);
    expect(documents).toHaveLength(pageNames.length);
    for (const path of documents) expect(pages.get(path)?.contentType).toBe('text/html; charset=utf-8');
    expect(pages.get('/asyncapi.json')?.contentType).toMatch(/^application\/json/);
    expect(JSON.parse(text('/asyncapi.json'))).toMatchObject({ asyncapi: '3.0.0' });
    expect(text('/docs')).toContain('<h1 id="the-protocol">The protocol</h1>');
  });

  it.each(documents)('%s runs under its policy: nothing inline, nothing from elsewhere', (path) => {
    expect(text(path)).not.toMatch(/<script|<style|\sstyle=|\son\w+=/);
    expect(text(path)).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(text(path)).toContain('<meta name="viewport"');
  });

  it.each(documents)('%s leads to every other page, and says which one it is', (path) => {
    const nav = /<nav aria-label="Pages">(.*?)<\/nav>/s.exec(text(path))?.[1] ?? '';
    const links = [...nav.matchAll(/href="([^"]*)"( aria-current="page")?/g)];
    expect(links.map(([, to]) => to)).toEqual(documents);
    expect(links.filter(([, , current]) => current).map(([, to]) => to)).toEqual([path]);
  });

  it('leads only to pages and headings that are there', () => {
    for (const path of documents) {
      for (const [, target = '', anchor] of text(path).matchAll(/href="([^"#]*)(?:#([^"]*))?"/g)) {
        if (target === 'data:,') continue;
        const to = target === '' ? path : target;
        expect([...pages.keys()], `${path} leads to ${to}`).toContain(to);
        if (anchor !== undefined)
          expect(text(to), `${path} leads to ${to}#${anchor}`).toContain(`id="${anchor}"`);
      }
    }
  });

  it('leaves no Markdown unread', () => {
    for (const path of documents) {
      const prose = text(path).replaceAll(/<(pre|code)[^>]*>.*?<\/\1>/gs, '');
      expect(prose, path).not.toMatch(/`|\]\(|^\||^#|\{\{|\*\*|^- |^\d+\. /m);
    }
  });
});

describe('Markdown as HTML', () => {
  const html = (markdown: string) => toHtml(markdown, (target) => `to:${target}`);

  it('writes headings, tables, lists, code and links, and lets nothing through as HTML', () => {
    expect(html('# A `b` c')).toBe('<h1 id="a-b-c">A <code>b</code> c</h1>');
    expect(html('a [b](c.md) <i>')).toBe('<p>a <a href="to:c.md">b</a> &lt;i&gt;</p>');
    expect(html('```js\na < b\n\n# c\n```')).toBe('<pre tabindex="0"><code>a &lt; b\n\n# c</code></pre>');
    expect(html('1. a\n2. b')).toBe('<ol><li>a</li><li>b</li></ol>');
    expect(html('- a\n  and so on\n- **b `c`.** d')).toBe(
      '<ul><li>a\n  and so on</li><li><strong>b <code>c</code>.</strong> d</li></ul>',
    );
    expect(html('[`a`](b.md)')).toBe('<p><a href="to:b.md"><code>a</code></a></p>');
    expect(html('| a | b |\n| - | - |\n| c \\| d | `e` |')).toContain(
      '<tr role="row"><td role="cell" data-name="a">c | d</td><td role="cell" data-name="b"><code>e</code></td></tr>',
    );
    expect(html('`"<script>"`')).toBe('<p><code>&quot;&lt;script&gt;&quot;</code></p>');
  });

  it('leaves the words of a link to what is not there', () => {
    expect(toHtml('see [the *file*](../x.ts)', () => null)).toBe('<p>see the *file*</p>');
  });

  it('knows what a page is divided into, as GitHub names it', () => {
    expect(headingsOf('# A\n\n## One – two\n\n### B\n\n```\n## no\n```\n\n## `three`, four')).toEqual([
      { id: 'one--two', text: 'One – two' },
      { id: 'three-four', text: 'three, four' },
    ]);
  });
});
