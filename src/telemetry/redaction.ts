/** Takes credentials out of what is logged: by the name of a key, and by what a text looks like. */

const hidden = '[redacted]';

// Compared without case, `_` and `-`: accessToken, Set-Cookie, presigned_url, x-api-key.
const secretKey =
  /(token|jwt|authorization|cookie|password|passwd|secret|presignedurl|uploadid|apikey|privatekey)$/;

const word = '(?:token|password|passwd|secret|signature|authorization|cookie|upload_?id|presigned_?url)';
const assignment = new RegExp(`(${word}=\\s*)(?:"[^"]*"|'[^']*'|[^\\s&"',;}]+)`, 'gi');
const quoted = new RegExp(`(${word}[\\\\"']*\\s*:\\s*[\\\\]*["'])[^"'\\\\]+`, 'gi');

/** Whether the value under this key is a credential, whatever it holds. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key.toLowerCase().replaceAll(/[-_]/g, ''));
}

/** Hides tokens, passwords in URLs and everything after a URL's `?`. */
export function scrubText(text: string): string {
  let clean = text;
  // A JWT or the start of one: base64url of `{"`.
  if (clean.includes('eyJ')) clean = clean.replaceAll(/eyJ[\w+/=-]{6,}(?:\.[\w+/=-]*)*/g, hidden);
  if (clean.includes('://')) clean = clean.replaceAll(/:\/\/([^\s:/@]*):\S*@/g, '://$1:***@');
  if (clean.includes('?')) clean = clean.replaceAll(/\S+/g, withoutQuery);
  // What is left: form bodies, quoted JSON, libpq's `password=…`. With `:` only between quotes, for "bad token: expired".
  clean = clean.replaceAll(assignment, `$1${hidden}`).replaceAll(quoted, `$1${hidden}`);
  return clean.replaceAll(/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${hidden}`);
}

/** Hides the password in a connection string and leaves the rest readable, `?sslmode=…` too. */
export function hideCredentials(url: string): string {
  return url
    .replaceAll(/:\/\/([^\s:/@]*):\S*@/g, '://$1:***@')
    .replaceAll(/([?&][^=&]*(?:password|token|secret|key)=)[^&]*/gi, '$1***');
}

/**
 * A copy of plain JSON with every credential replaced.
 * @param value what JSON.parse returns
 */
export function scrub(value: unknown): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (Array.isArray(value)) return value.map(scrub);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      isSecretKey(key) && item !== null && item !== undefined ? hidden : scrub(item),
    ]),
  );
}

function withoutQuery(word: string): string {
  const mark = word.indexOf('?');
  // A module's query (`file:///x.ts?v=1:2:3`) comes from our own stack traces and ends in the line number.
  if (mark === -1 || !word.slice(0, mark).includes('/') || word.includes('file://')) return word;
  const rest = word.slice(mark + 1);
  return rest === '' ? word : `${word.slice(0, mark)}?${hidden}`;
}
