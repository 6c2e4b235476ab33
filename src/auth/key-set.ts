/** Fetches a JWK set over HTTP, trusting neither its size, nor its shape, nor that it ever ends. */
import { z } from 'zod';
import { readKey, type Algorithm, type VerificationKey } from './keys.js';

export type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

const maxBytes = 256 * 1024;
const keySet = z.object({ keys: z.array(z.unknown()).max(100) });

/**
 * Returns the usable keys of the set, at least one: an empty set is taken for an outage, not for a withdrawal of all.
 * Keys for encryption, for other algorithms or malformed ones are left out.
 * @throws Error with a message fit for a log: unreachable, too slow, not 200, too big, not a key set
 */
export async function fetchKeySet(
  url: URL,
  allowed: readonly Algorithm[],
  fetch: Fetch,
  signal: AbortSignal,
): Promise<VerificationKey[]> {
  const text = await request(url, fetch, signal);
  const read = await Promise.all(parse(text).map((jwk) => readKey(jwk, allowed)));
  const keys = read.flatMap((key) => ('problem' in key ? [] : [key]));
  if (keys.length === 0) throw new Error(`The key server ${url.host} has no key for ${allowed.join(', ')}`);
  return keys;
}

async function request(url: URL, fetch: Fetch, signal: AbortSignal): Promise<string> {
  let response: Response;
  try {
    // A redirect could lead from https to http, where anyone may answer.
    response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
    if (response.ok) return await readBounded(response);
  } catch (cause) {
    throw new Error(`The key server ${url.host} gave no answer: ${reasonOf(cause)}`, { cause });
  }
  await response.body?.cancel();
  throw new Error(`The key server ${url.host} answered ${response.status}`);
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> = response.body ?? [];
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the body.
    if (bytes > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parse(text: string): unknown[] {
  try {
    return keySet.parse(JSON.parse(text)).keys;
  } catch (cause) {
    throw new Error('The key server did not answer with a key set', { cause });
  }
}

/** Node's fetch says only "fetch failed" and keeps the reason (ECONNREFUSED, …) as its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { cause } = error;
  if (cause instanceof Error)
    return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
  return error.message;
}
