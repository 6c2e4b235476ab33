/** Who may use the development desk: a page of this server itself, in a browser on this machine, and nobody else. */
import type { IncomingHttpHeaders } from 'node:http';
import { isIPv4 } from 'node:net';

/** A page of another origin cannot send it without asking first, and nobody answers that question. */
export const deskHeader = 'x-hashi-console';

/** Any of these means that somebody further away is behind the request. */
const proxyHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/** Why a request is refused; for the log and the answer alike, for none of it is a secret. */
export type DeskRefusal = 'host' | 'origin' | 'proxy' | 'header' | 'content-type';

/** Whether an address, or the name in a URL, is this machine's own. */
export function isLoopback(name: string): boolean {
  return (
    name === 'localhost' || name === '::1' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
  );
}

/**
 * The Host is checked because a foreign name can be made to resolve to this machine: its pages would then be of the
 * same origin as this server's. The Origin is, because any page can send requests here.
 */
export function deskRefusal(headers: IncomingHttpHeaders): DeskRefusal | null {
  const { host = '', origin } = headers;
  const url = `http://${host}`;
  if (!URL.canParse(url) || new URL(url).host !== host || !isLoopback(new URL(url).hostname)) return 'host';
  if (origin !== url) return 'origin';
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return 'origin';
  if (proxyHeaders.some((name) => headers[name] !== undefined)) return 'proxy';
  if (headers[deskHeader] !== '1') return 'header';
  return /^application\/json(?:;|$)/i.test(headers['content-type'] ?? '') ? null : 'content-type';
}
