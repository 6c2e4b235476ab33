/** Authentication: picks the mode from the settings and builds what checks tokens. */
import { OperatorError } from '../errors.js';
import { createAuthenticator, type Authenticator } from './authenticator.js';
import { createDevelopmentAuth, type Mint } from './development.js';
import { createRemoteKeys, type RemoteKeysOptions } from './remote-keys.js';
import { createStaticKeys } from './static-keys.js';
import type { Algorithm } from './keys.js';

export type { Authenticator, AuthMode } from './authenticator.js';
export type { Identity } from './claims.js';
export type { Mint, MintOptions } from './development.js';
export { algorithms, type Algorithm } from './keys.js';
export { TokenRefusal, type RefusalReason } from './refusal.js';
export { tokenOfHandshake, tokenOfUpgrade, type UpgradeCredentials } from './token-source.js';

/** The settings this needs, each named as its variable. */
export interface AuthOptions {
  /** Holds the development key. */
  readonly dataDir: string;
  readonly privyAppId?: string | undefined;
  readonly authJwksUrl?: string | undefined;
  /** PEM SPKI, JWK or JWK set, as text. */
  readonly authPublicKey?: string | undefined;
  readonly authIssuer: string;
  readonly authAudience?: readonly string[] | undefined;
  readonly authAlgorithms: readonly Algorithm[];
  /** Refuse tokens issued longer ago than this; no limit when absent or 0. */
  readonly authMaxTokenAgeMs?: number | undefined;
}

/** What a test or an embedding program may replace. */
export interface AuthDependencies extends Pick<RemoteKeysOptions, 'fetch' | 'onError'> {
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

export interface Auth {
  readonly authenticator: Authenticator;
  /** Development mode only. */
  readonly mint?: Mint;
}

/**
 * With no key configured: development mode. An explicit key or audience wins over what PRIVY_APP_ID stands for.
 * @throws OperatorError when the settings contradict each other or name no usable key
 */
export async function createAuth(options: AuthOptions, dependencies: AuthDependencies = {}): Promise<Auth> {
  const { now, ...remote } = dependencies;
  const { authPublicKey, authIssuer: issuer, authAlgorithms, authMaxTokenAgeMs } = options;
  const time = {
    ...(now !== undefined && { now }),
    ...(authMaxTokenAgeMs && { maxTokenAgeMs: authMaxTokenAgeMs }),
  };
  if (authPublicKey !== undefined && options.authJwksUrl !== undefined) {
    throw new OperatorError('AUTH_JWKS_URL and AUTH_PUBLIC_KEY are both set: keep one of them.');
  }

  const jwksUrl = authPublicKey === undefined ? jwksUrlOf(options) : undefined;
  if (authPublicKey === undefined && jwksUrl === undefined) {
    const development = await createDevelopmentAuth(options.dataDir);
    return {
      authenticator: createAuthenticator({ ...development.authenticator, ...time }),
      mint: development.mint,
    };
  }
  if (authAlgorithms.length === 0) {
    throw new OperatorError('AUTH_ALGORITHMS allows no algorithm: leave it unset, or set it to ES256.');
  }

  const common = {
    issuer,
    audience: audienceOf(options),
    algorithms: authAlgorithms,
    ...time,
  };
  if (jwksUrl === undefined) {
    const keys = await createStaticKeys(authPublicKey ?? '', authAlgorithms);
    return { authenticator: createAuthenticator({ ...common, mode: 'static', keys }) };
  }
  const keys = createRemoteKeys({ ...remote, url: jwksUrl, algorithms: authAlgorithms });
  // So that the first client need not wait; a key server that is down must not keep this one from starting.
  keys.start();
  return { authenticator: createAuthenticator({ ...common, mode: 'jwks', keys }) };
}

function audienceOf({ authAudience = [], privyAppId }: AuthOptions): readonly string[] {
  if (authAudience.length > 0) return authAudience;
  if (privyAppId !== undefined) return [privyAppId];
  throw new OperatorError(
    'AUTH_AUDIENCE is missing: with a key configured, name whom its tokens are for, for example your Privy app id.',
  );
}

/** Where the key set is; undefined where no setting names one. */
export function jwksUrlOf({
  authJwksUrl,
  privyAppId,
}: Pick<AuthOptions, 'authJwksUrl' | 'privyAppId'>): URL | undefined {
  if (authJwksUrl === undefined) {
    if (privyAppId === undefined) return undefined;
    return new URL(`https://auth.privy.io/api/v1/apps/${encodeURIComponent(privyAppId)}/jwks.json`);
  }
  const url = URL.canParse(authJwksUrl) ? new URL(authJwksUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new OperatorError(
      'AUTH_JWKS_URL is not an http(s) URL without user name, for example https://auth.example.com/.well-known/jwks.json.',
    );
  }
  return url;
}
