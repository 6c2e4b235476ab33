/** Checks of the settings that only show when somebody connects: keys and origins. */
import { jwksUrlOf } from '../../auth/index.js';
import { fetchKeySet } from '../../auth/key-set.js';
import { createStaticKeys } from '../../auth/static-keys.js';
import type { Config } from '../../config.js';
import { OperatorError } from '../../errors.js';
import { failed, ok, warning, type Result } from './check.js';

const timeoutMs = 4_000;

export async function checkKeys(config: Config): Promise<Result> {
  const check = 'keys';
  if (config.authPublicKey !== undefined) {
    try {
      await createStaticKeys(config.authPublicKey, config.authAlgorithms);
      return ok(check, 'AUTH_PUBLIC_KEY can be read.');
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      return failed(check, 'AUTH_PUBLIC_KEY cannot be used.', error.message);
    }
  }
  const url = jwksUrlOf(config);
  if (url === undefined) {
    return warning(
      check,
      `Development mode: tokens are signed with the key in ${config.dataDir}.`,
      'Fine on your own machine. Elsewhere set PRIVY_APP_ID, or AUTH_JWKS_URL or AUTH_PUBLIC_KEY with AUTH_AUDIENCE.',
    );
  }
  const startedAt = performance.now();
  try {
    const keys = await fetchKeySet(
      url,
      config.authAlgorithms,
      globalThis.fetch,
      AbortSignal.timeout(timeoutMs),
    );
    const ms = Math.round(performance.now() - startedAt);
    return ok(
      check,
      `${url.host} gave ${keys.length} usable ${keys.length === 1 ? 'key' : 'keys'} in ${ms} ms.`,
    );
  } catch (error) {
    return failed(
      check,
      `${error instanceof Error ? error.message : String(error)}.`,
      'Check PRIVY_APP_ID or AUTH_JWKS_URL and that this machine may reach the key server: without keys nobody gets in.',
    );
  }
}

export function checkOrigins({ allowedOrigins, production }: Config): Result {
  const check = 'origins';
  if (allowedOrigins.includes('*')) {
    return warning(
      check,
      'ALLOWED_ORIGINS is *: a page of any site may connect.',
      'List the origins of your own pages, for example ALLOWED_ORIGINS=https://app.example.com.',
    );
  }
  if (allowedOrigins.length === 0) {
    const detail =
      'Only pages that this server itself serves may connect; clients that are no browsers pass.';
    return production
      ? warning(
          check,
          detail,
          'Set ALLOWED_ORIGINS to the origins of your pages, for example https://app.example.com.',
        )
      : ok(check, detail);
  }
  const plain = allowedOrigins.filter((origin) => /^http:\/\/(?!localhost|127\.|\[::1\])/.test(origin));
  if (production && plain.length > 0) {
    return warning(
      check,
      `${plain.join(', ')}: pages that came unencrypted can be changed on their way, and take tokens with them.`,
      'Serve them by https, and list them so.',
    );
  }
  return ok(check, `Pages of ${allowedOrigins.join(', ')} may connect.`);
}
