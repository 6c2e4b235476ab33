/** Turns the Markdown of our own pages into HTML: headings, paragraphs, tables, lists, code, links; nothing else. */

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** As GitHub makes them, so that links work there and here. */
export const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(/\s+/g, '-');

/** @param href gives a link's target in HTML */
export function toHtml(markdown: string, href: (target: string) => string): string {
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
  if (/^\d+\. /.test(block)) {
    const items = block.split(/^\d+\. /m).filter((item) => item.trim() !== '');
    return `<ol>${items.map((item) => `<li>${inline(item.trim())}</li>`).join('')}</ol>`;
  }
  return `<p>${inline(block)}</p>`;
}

function tableHtml([head = '', , ...body]: readonly string[], inline: (text: string) => string): string {
  const cells = (line: string) =>
    line
      .replace(/^\|/, '')
      .replace(/\|\s*$/, '')
      .split(/(?<!\\)\|/)
      .map((cell) => inline(cell.trim().replaceAll('\\|', '|')));
  const row = (line: string, tag: 'th' | 'td') =>
    `<tr>${cells(line)
      .map((cell) => `<${tag}${tag === 'th' ? ' scope="col"' : ''}>${cell}</${tag}>`)
      .join('')}</tr>`;
  return `<div class="table" tabindex="0" role="region" aria-label="Table"><table><thead>${row(head, 'th')}</thead><tbody>${body
    .map((line) => row(line, 'td'))
    .join('')}</tbody></table></div>`;
}

function inlineHtml(text: string, href: (target: string) => string): string {
  return text
    .split(/(`[^`]+`|\[[^\]]+\]\([^)]+\))/)
    .map((part) => {
      if (part.startsWith('`') && part.length > 2) return `<code>${escaped(part.slice(1, -1))}</code>`;
      const link = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(part);
      if (link) return `<a href="${escaped(href(link[2] ?? ''))}">${escaped(link[1] ?? '')}</a>`;
      return escaped(part);
    })
    .join('');
}
