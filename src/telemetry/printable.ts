/** Keeps what came from others from steering the terminal of whoever reads it. */

/** Control characters, and those that turn the direction of writing. */
const steering = '[\\p{Cc}\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]';
const anywhere = new RegExp(steering, 'gu');
/** The colours and line breaks of our own lines are passed over. */
const inLines = new RegExp(`(\\x1b\\[[\\d;]*m|\\n)|${steering}`, 'gu');

/** As JSON would write them, also those that it leaves as they are. */
function escaped(character: string): string {
  const text = JSON.stringify(character).slice(1, -1);
  return text === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : text;
}

/** On one line: a name or a text that somebody else has chosen. */
export function printable(text: string): string {
  return text.replaceAll(anywhere, escaped);
}

/** Lines, coloured perhaps; JSON stays the same JSON. */
export function printableLines(text: string): string {
  return text.replaceAll(inLines, (found: string, own?: string) => own ?? escaped(found));
}
