/** Takes the README apart: its code blocks by language, and what stands between two markers. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** Every code block of a language, without its fences, in order. */
export function blocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , text]) => text ?? '');
}

/** The one block of a language that holds a word. */
export function block(language: string, word: string): string {
  const found = blocks(language).filter((text) => text.includes(word));
  if (found.length !== 1) throw new Error(`the README has ${found.length} ${language} blocks with ${word}`);
  return found[0] ?? '';
}

/** The table between `<!-- name: … -->` and `<!-- /name -->`, without the padding that a formatter adds. */
export function table(name: string): string[] {
  const [, text = ''] = new RegExp(`<!-- ${name}: [^>]*-->\n(.*?)<!-- /${name} -->`, 's').exec(readme) ?? [];
  return rowsOf(text);
}

export function rowsOf(markdown: string): string[] {
  return markdown
    .trim()
    .split('\n')
    .map((row) => row.replaceAll(/ *\| */g, '|').replaceAll(/-+/g, '-'));
}
