/** Turns the Markdown of our own pages into HTML: headings, paragraphs, tables, lists, code, links, bold; nothing else. */

/** A link's target in HTML; null: what it names is not to be had there, and its text stands alone. */
type Href = (target: string) => string | null;

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** As GitHub makes them, so that links work there and here. */
export const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(/\s/g, '-');

/** The second level, which is what a page is divided into. */
export function headingsOf(markdown: string): { readonly id: string; readonly text: string }[] {
  return blocksOf(markdown)
    .map((block) => /^## (.*)$/.exec(block)?.[1])
    .filter((text) => text !== undefined)
    .map((text) => ({ id: slug(text), text: text.replaceAll('`', '') }));
}

export function toHtml(markdown: string, href: Href): string {
  const inline = (text: string) => inlineHtml(text, href);
  return blocksOf(markdown)
    .map((block) => blockHtml(block, inline))
    .join('\n');
}

/** Blocks stand apart by empty lines, but for those within a fence. */
function blocksOf(markdown: string): string[] {
  return markdown
    .split(/^(```\w*\n[\s\S]*?^```$)/m)
    .flatMap((part) => (part.startsWith('```') ? [part] : part.split(/\n{2,}/)))
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function blockHtml(block: string, inline: (text: string) => string): string {
  const fence = /^```\w*\n([\s\S]*?)\n?```$/.exec(block);
  // A block that scrolls must be reachable by the keyboard.
  if (fence) return `<pre tabindex="0"><code>${escaped(fence[1] ?? '')}</code></pre>`;
  const heading = /^(#{1,4}) (.*)$/.exec(block);
  if (heading) {
    const [, { length: level } = '', text = ''] = heading;
    return `<h${level} id="${slug(text)}">${inline(text)}</h${level}>`;
  }
  const lines = block.split('\n');
  if (lines.every((line) => line.startsWith('|'))) return tableHtml(lines, inline);
  if (/^\d+\. /.test(block)) return `<ol>${itemsHtml(block, /^\d+\. /m, inline)}</ol>`;
  if (block.startsWith('- ')) return `<ul>${itemsHtml(block, /^- /m, inline)}</ul>`;
  return `<p>${inline(block)}</p>`;
}

function itemsHtml(block: string, mark: RegExp, inline: (text: string) => string): string {
  const items = block.split(mark).filter((item) => item.trim() !== '');
  return items.map((item) => `<li>${inline(item.trim())}</li>`).join('');
}

function tableHtml([head = '', , ...body]: readonly string[], inline: (text: string) => string): string {
  const cells = (line: string) =>
    line
      .replace(/^\|/, '')
      .replace(/\|\s*$/, '')
      .split(/(?<!\\)\|/)
      .map((cell) => inline(cell.trim().replaceAll('\\|', '|')));
  // On a phone a row stands as a card, each cell under its column's name: roles, for that takes the table's own.
  const names = cells(head).map((name) => name.replaceAll(/<[^>]*>/g, ''));
  const headRow = cells(head).map((cell) => `<th scope="col" role="columnheader">${cell}</th>`);
  const bodyRow = (line: string) =>
    cells(line).map((cell, at) => `<td role="cell" data-name="${names[at] ?? ''}">${cell}</td>`);
  const row = (inner: readonly string[]) => `<tr role="row">${inner.join('')}</tr>`;
  const rows = body.map((line) => row(bodyRow(line))).join('');
  return `<div class="table" tabindex="0" role="region" aria-label="Table"><table role="table"><thead role="rowgroup">${row(headRow)}</thead><tbody role="rowgroup">${rows}</tbody></table></div>`;
}

function inlineHtml(text: string, href: Href): string {
  return text
    .split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))/)
    .map((part) => {
      if (part.startsWith('`') && part.length > 2) return `<code>${escaped(part.slice(1, -1))}</code>`;
      const bold = /^\*\*([^*]+)\*\*$/.exec(part);
      if (bold) return `<strong>${inlineHtml(bold[1] ?? '', href)}</strong>`;
      const [, words, to] = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part) ?? [];
      if (words === undefined || to === undefined) return escaped(part);
      const target = href(to);
      const inner = inlineHtml(words, href);
      return target === null ? inner : `<a href="${escaped(target)}">${inner}</a>`;
    })
    .join('');
}
