/** How the text of an environment variable becomes a value: one zod schema for each kind of setting. */
import { z } from 'zod';

/** A whole number in a range, both ends included. */
export function integer(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, { error, abort: true })
    .transform(Number)
    .pipe(z.number({ error }).min(min, { error }).max(max, { error }));
}

/** A number of proxies, `none` being zero. */
export function hops(max: number) {
  return z
    .string()
    .transform((text) => (text.toLowerCase() === 'none' ? '0' : text))
    .pipe(integer(0, max));
}

export function flag() {
  const words = new Map([
    ['true', true],
    ['1', true],
    ['yes', true],
    ['false', false],
    ['0', false],
    ['no', false],
  ]);
  return z.string().transform((text, context) => {
    const value = words.get(text.toLowerCase());
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: 'must be true or false (1, 0, yes and no work too)' });
    return z.NEVER;
  });
}

export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` });
}

/** Comma separated, spaces around the items ignored; a list that is given must not be empty. */
export function listOf<Item extends z.ZodType<unknown, string>>(item: Item) {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item).min(1, { error: 'must name at least one' }));
}

/** A name or an address to listen on, never a URL. */
export function host() {
  return z
    .string()
    .transform((text) => text.replace(/^\[(.*)\]$/, '$1'))
    .pipe(z.string().regex(/^[\w.:%-]+$/, { error: 'must be a host name or an IP address, not a URL' }));
}

/** What pg's driver connects to: it allows spaces, and no host between `@` and `/` when a socket follows in `?host=`. */
export function postgresUrl() {
  const error = 'must be a postgres:// URL, with special characters in the password percent-encoded';
  return z
    .string()
    .refine(
      (text) =>
        /^postgres(ql)?:\/\/./.test(text) &&
        URL.canParse(text.replaceAll(' ', '%20').replace('@/', '@localhost/')),
      { error },
    );
}

export function webUrl() {
  return z.string().refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
    error: 'must be an http:// or https:// URL',
  });
}

/** `*`, `null` (sandboxed pages), or scheme://host[:port] in the form in which browsers send it. */
export function origin() {
  const error = 'must be * or origins such as https://app.example.com, with no path';
  return z.string().transform((text, context) => {
    if (text === '*' || text === 'null') return text;
    const bare = text.replace(/\/$/, '').toLowerCase();
    if (/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*]+$/.test(bare) && URL.canParse(bare)) {
      // Browsers leave out a default port; other schemes have no origin in the URL standard and stay as they are.
      const { origin } = new URL(bare);
      return origin === 'null' ? bare : origin;
    }
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });
}
