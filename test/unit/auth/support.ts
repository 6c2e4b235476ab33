/** Signs tokens of every kind and plays the key server, for the tests of authentication. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { ProtocolError } from '../../../src/errors.js';
import { TokenRefusal } from '../../../src/auth/index.js';

export interface TestKey {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
  readonly alg: string;
}

export async function makeTestKey(kid: string, alg = 'ES256'): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, alg, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg } };
}

export const nowSeconds = () => Math.floor(Date.now() / 1000);

/** Claims of a good token; `undefined` in `changes` removes one. */
export function goodClaims(
  changes: Record<string, unknown> = {},
  iat: number = nowSeconds(),
): Record<string, unknown> {
  return { iss: 'privy.io', aud: 'app', sub: 'player-1', sid: 'session-1', iat, exp: iat + 3600, ...changes };
}

export function sign(
  key: TestKey,
  claims: Record<string, unknown> = goodClaims(),
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, kid: key.jwk.kid ?? 'none', ...header })
    .sign(key.privateKey);
}

export const encodePart = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** How an attempt ended: `ok`, the wire code, or the code and the reason kept inside. */
export async function outcome(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'ok';
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.cause instanceof TokenRefusal ? `${error.code} ${error.cause.reason}` : error.code;
  }
}

export class KeyServer {
  requests = 0;
  private readonly server = createServer((request, response) => {
    this.requests += 1;
    this.answer(request, response);
  });
  private readonly waiting: ServerResponse[] = [];

  constructor(private answer: (request: IncomingMessage, response: ServerResponse) => void) {}

  static async listen(...keys: TestKey[]): Promise<KeyServer> {
    const server = new KeyServer(() => {});
    server.publish(...keys);
    server.server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    return server;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/jwks.json`);
  }

  publish(...keys: TestKey[]): void {
    this.reply(200, JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  }

  reply(status: number, body: string | Buffer, headers: Record<string, string> = {}): void {
    this.answer = (_request, response) => void response.writeHead(status, headers).end(body);
  }

  breakOff(): void {
    this.answer = (request) => void request.socket.destroy();
  }

  /** Takes requests and says nothing. */
  hang(): void {
    this.answer = (_request, response) => void this.waiting.push(response);
  }

  /** Sends headers and a body that never ends. */
  flood(): void {
    const chunk = ' '.repeat(64 * 1024);
    this.answer = (_request, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
