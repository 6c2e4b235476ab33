/** JSON that may hold bytes anywhere: buffers and typed arrays travel as strings that begin with a NUL. */

const escape = '\u0000';
const bytes = `${escape}b`;
const text = `${escape}t`;

/** Throws a `TypeError` where `JSON.stringify` does: cycles, BigInt. */
export function encode(value: unknown): string {
  const plain = JSON.stringify(value);
  // The walk costs less than a replacer on every value, and nearly always finds nothing.
  if (!plain.includes('"\\u0000') && !hasBytes(value)) return plain;
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string, json: unknown) {
    // Before toJSON: a Buffer turns into numbers there.
    const original = this[key];
    const buffer = bufferOf(original);
    if (buffer) return bytes + buffer.toString('base64');
    return typeof json === 'string' && json.startsWith(escape) ? text + json : json;
  });
}

export function decode(json: string): unknown {
  if (!json.includes('"\\u0000')) return JSON.parse(json) as unknown;
  return JSON.parse(json, (_key, value: unknown) => {
    if (typeof value !== 'string') return value;
    if (value.startsWith(bytes)) return Buffer.from(value.slice(bytes.length), 'base64');
    return value.startsWith(text) ? value.slice(text.length) : value;
  });
}

function bufferOf(value: unknown): Buffer | undefined {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return undefined;
}

function hasBytes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return true;
  if (Array.isArray(value)) return value.some(hasBytes);
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return hasBytes((value as { toJSON(): unknown }).toJSON());
  }
  return Object.values(value).some(hasBytes);
}
