/** Finds the token in what a client sends to connect; total on whatever hostile clients send. */
import type { IncomingHttpHeaders } from 'node:http';

/** What a raw WebSocket upgrade carries. */
export interface UpgradeCredentials {
  token?: string;
  /** The subprotocol to answer with, when the client offered it. */
  protocol?: 'hashi';
}

const tokenProtocol = 'bearer.';

/** Raw WebSocket: `?token=`, then `Authorization: Bearer`, then the subprotocol `bearer.JWT`; first found wins. */
export function tokenOfUpgrade(request: {
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}): UpgradeCredentials {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const token =
    tokenOfUrl(request.url ?? '') ??
    tokenOfAuthorization(request.headers) ??
    notEmpty(offered.find((name) => name.startsWith(tokenProtocol))?.slice(tokenProtocol.length));
  return {
    ...(token === undefined ? {} : { token }),
    ...(offered.includes('hashi') ? { protocol: 'hashi' as const } : {}),
  };
}

/** Socket.IO: `auth.token`, else `query.token`, else `Authorization: Bearer`. */
export function tokenOfHandshake(handshake: {
  readonly auth: unknown;
  readonly query: unknown;
  readonly headers: IncomingHttpHeaders;
}): string | undefined {
  return (
    tokenMember(handshake.auth) ?? tokenMember(handshake.query) ?? tokenOfAuthorization(handshake.headers)
  );
}

/** Cuts the query out by hand: `new URL('//', base)` throws, URLSearchParams never does. */
function tokenOfUrl(url: string): string | undefined {
  const target = url.split('#', 1)[0] ?? '';
  const start = target.indexOf('?');
  if (start === -1) return undefined;
  return notEmpty(new URLSearchParams(target.slice(start + 1)).get('token'));
}

function tokenOfAuthorization(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer[ \t]+(\S+)[ \t]*$/i.exec(headers.authorization ?? '')?.[1];
}

/** Own `token` members only; of a repeated parameter the first, as for raw clients. */
function tokenMember(holder: unknown): string | undefined {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, 'token')) return undefined;
  const { token } = holder as { token: unknown };
  return notEmpty(Array.isArray(token) ? token[0] : token);
}

function notEmpty(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
