/** Reads AUTH_PUBLIC_KEY: a PEM block, a JWK or a JWK set, given as text. */
import { createPublicKey } from 'node:crypto';
import { OperatorError } from '../errors.js';
import { chooseKey, readKey, type Algorithm, type KeySource, type VerificationKey } from './keys.js';
import { refused } from './refusal.js';

const examples =
  'give a PEM block ("-----BEGIN PUBLIC KEY-----…"), a JWK ({"kty":"EC","crv":"P-256","x":"…","y":"…"}) or a JWK set ({"keys":[…]})';

/**
 * @param text PEM SPKI (line breaks may be real, written as `\n`, or lost), JWK or JWK set
 * @throws OperatorError naming AUTH_PUBLIC_KEY when it cannot be read or fits none of the algorithms
 */
export async function createStaticKeys(text: string, allowed: readonly Algorithm[]): Promise<KeySource> {
  const jwks = text.trim().startsWith('{') ? readJson(text) : [readPem(text)];
  const keys: VerificationKey[] = [];
  const problems: string[] = [];
  for (const jwk of jwks) {
    const read = await readKey(jwk, allowed);
    if ('problem' in read) problems.push(read.problem);
    else keys.push(read);
  }
  if (keys.length === 0) {
    throw new OperatorError(
      `AUTH_PUBLIC_KEY holds no usable key: ${problems[0] ?? 'it is empty'}; ${examples}.`,
    );
  }

  return {
    start() {},
    async getKey(header) {
      // One configured key is meant for every token, whatever name the issuer has for it.
      const key = chooseKey(keys, keys.length === 1 ? { alg: header.alg } : header);
      if (key === undefined) throw refused('unknown-key');
      return key;
    },
    stop() {},
  };
}

function readJson(text: string): readonly unknown[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message quotes its input: a private key pasted here must not be printed.
    throw new OperatorError(`AUTH_PUBLIC_KEY is not valid JSON; ${examples}.`);
  }
  if (typeof json !== 'object' || json === null) return [json];
  const jwks: readonly unknown[] = 'keys' in json && Array.isArray(json.keys) ? json.keys : [json];
  if (jwks.some((jwk) => typeof jwk === 'object' && jwk !== null && ('d' in jwk || 'k' in jwk))) {
    throw new OperatorError(
      `AUTH_PUBLIC_KEY holds a private or secret key, which must not be here; ${examples}.`,
    );
  }
  return jwks;
}

function readPem(text: string): unknown {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new OperatorError(`AUTH_PUBLIC_KEY holds a private key, which must not be here; ${examples}.`);
  }
  const body = /-----BEGIN PUBLIC KEY-----([^-]*)-----END PUBLIC KEY-----/.exec(text)?.[1];
  if (body === undefined) throw new OperatorError(`AUTH_PUBLIC_KEY is not a public key; ${examples}.`);
  // Env files and dashboards turn line breaks into the two characters `\n`, or into spaces.
  const key = Buffer.from(body.replaceAll(/\\[nr]|\s/g, ''), 'base64');
  try {
    return createPublicKey({ key, format: 'der', type: 'spki' }).export({ format: 'jwk' });
  } catch (cause) {
    throw new OperatorError(`AUTH_PUBLIC_KEY is not a readable PEM public key; ${examples}.`, { cause });
  }
}
