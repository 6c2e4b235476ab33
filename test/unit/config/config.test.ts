import { describe, expect, it } from 'vitest';
import { colorWanted, loadConfig, propertyOf, settingNames, settings } from '../../../src/config.js';
import { nearestName } from '../../../src/config/nearest.js';
import { OperatorError } from '../../../src/errors.js';

const load = (env: Record<string, string | undefined>) => loadConfig(env, { terminal: false });

function refusal(env: Record<string, string>): string {
  try {
    load(env);
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError);
    return (error as OperatorError).message;
  }
  throw new Error('was accepted');
}

describe('loadConfig', () => {
  it('has the documented defaults', () => {
    const { config, sources, warnings } = load({});
    expect(config).toEqual({
      host: '127.0.0.1',
      port: 3000,
      authIssuer: 'privy.io',
      authAlgorithms: ['ES256'],
      authMaxTokenAgeMs: 86_400_000,
      allowedOrigins: [],
      migrateOnStart: true,
      dataDir: '.hashi',
      trustedProxies: 0,
      logLevel: 'info',
      logFormat: 'json',
      production: false,
      poolSize: 5,
      permessageDeflate: false,
      traceContext: false,
      maxMessageBytes: 16_384,
      messagesPerSecond: 20,
      messageBurst: 60,
      maxSubscriptions: 100,
      maxConnectionsPerPlayer: 20,
      maxConnectionsPerAddress: 200,
      maxConnections: 50_000,
      authTimeoutMs: 5_000,
      upgradeTimeoutMs: 10_000,
      maxUnsentBytes: 1_048_576,
      maxEventBytes: 1_048_576,
      heartbeatIntervalMs: 25_000,
      heartbeatTimeoutMs: 20_000,
      retentionHours: 24,
      retentionEvents: 10_000_000,
      drainMs: 10_000,
    });
    expect(new Set(Object.values(sources))).toEqual(new Set(['default']));
    expect(warnings).toEqual([]);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('reads every setting from its own example', () => {
    for (const name of settingNames) {
      const env: Record<string, string> = { [name]: settings[name].example };
      if (name === 'AUTH_JWKS_URL' || name === 'AUTH_PUBLIC_KEY') env.AUTH_AUDIENCE = 'app';
      if (name === 'NODE_ENV') Object.assign(env, { PRIVY_APP_ID: 'app', DATABASE_URL: 'postgres://db/app' });
      const { config, sources } = load(env);
      expect(config, name).toHaveProperty(propertyOf(name));
      expect(sources[name], name).toBe('environment');
    }
  });

  it('turns text into values', () => {
    const { config } = load({
      PORT: ' 0 ',
      HOST: '[::1]',
      MIGRATE_ON_START: 'No',
      HASHI_TRUSTED_PROXIES: 'none',
      ALLOWED_ORIGINS:
        'https://App.example.com/, http://localhost:5173,capacitor://localhost,https://a.example:443',
      AUTH_ALGORITHMS: 'ES256,EdDSA',
    });
    expect(config).toMatchObject({
      port: 0,
      host: '::1',
      migrateOnStart: false,
      trustedProxies: 0,
      allowedOrigins: [
        'https://app.example.com',
        'http://localhost:5173',
        'capacitor://localhost',
        'https://a.example',
      ],
      authAlgorithms: ['ES256', 'EdDSA'],
    });
  });

  it('takes an empty variable for one that is not set', () => {
    const { config, sources } = load({ PORT: '', DATABASE_URL: ' ' });
    expect(config.port).toBe(3000);
    expect(config.databaseUrl).toBeUndefined();
    expect(sources.PORT).toBe('default');
  });

  it('logs prettily on a terminal, unless told otherwise', () => {
    expect(loadConfig({}, { terminal: true }).config.logFormat).toBe('pretty');
    expect(loadConfig({ LOG_FORMAT: 'json' }, { terminal: true }).config.logFormat).toBe('json');
  });

  it.each([
    ['PORT', '65536'],
    ['PORT', '3e3'],
    ['PORT', '-1'],
    ['PORT', '99999999999999999999'],
    ['HOST', 'http://localhost'],
    ['MIGRATE_ON_START', 'maybe'],
    ['ALLOWED_ORIGINS', 'https://app.example.com/path'],
    ['ALLOWED_ORIGINS', 'https://*.example.com'],
    ['ALLOWED_ORIGINS', 'app.example.com'],
    ['ALLOWED_ORIGINS', ','],
    ['AUTH_ALGORITHMS', 'none'],
    ['AUTH_ALGORITHMS', 'HS256'],
    ['HASHI_TRUSTED_PROXIES', 'all'],
    ['HASHI_MAX_MESSAGE_BYTES', '16KiB'],
    ['HASHI_MESSAGE_BURST', '0'],
    ['LOG_LEVEL', 'loud'],
  ])('refuses %s=%s, naming it, what is wrong and an example', (name, value) => {
    const message = refusal({ [name]: value });
    expect(message).toMatch(new RegExp(`^${name} is .* but must .*, for example ${name}=.+\\.$`));
    expect(message).not.toContain('\n');
  });

  it('lists all that is wrong in one message', () => {
    const message = refusal({ PORT: 'x', LOG_LEVEL: 'y', HASHI_DRAIN_MS: 'z' });
    expect(message).toContain('3 settings are wrong');
    for (const name of ['PORT', 'LOG_LEVEL', 'HASHI_DRAIN_MS']) expect(message).toContain(name);
  });

  it.each([
    ['DATABASE_URL', 'mysql://root:hunter2hunter2@db/app'],
    ['DATABASE_URL', 'postgres://user:hunter2#hunter2@db/app'],
    ['HASHI_METRICS_TOKEN', 'hunter2'],
    ['AUTH_PUBLIC_KEY', '-----BEGIN PRIVATE KEY-----hunter2-----END PRIVATE KEY-----'],
    ['AUTH_PUBLIC_KEY', '{"kty":"EC","d":"hunter2"}'],
    ['AUTH_JWKS_URL', 'ftp://user:hunter2@keys'],
  ])('does not repeat the credentials of a bad %s', (name, value) => {
    const message = refusal({ [name]: value, AUTH_AUDIENCE: 'app' });
    expect(message).toMatch(new RegExp(`^${name} `));
    expect(message).not.toContain('hunter2');
  });

  it('asks for an audience wherever a key is given', () => {
    expect(refusal({ AUTH_JWKS_URL: 'https://keys.example/jwks' })).toContain('AUTH_AUDIENCE');
    expect(refusal({ AUTH_PUBLIC_KEY: 'a key' })).toContain('AUTH_AUDIENCE');
    const { config } = load({ AUTH_PUBLIC_KEY: 'a key', AUTH_AUDIENCE: 'one, two' });
    expect(config.authAudience).toEqual(['one', 'two']);
    expect(load({ AUTH_PUBLIC_KEY: 'a key', PRIVY_APP_ID: 'app' }).config.privyAppId).toBe('app');
    expect(
      refusal({ AUTH_PUBLIC_KEY: 'a', AUTH_JWKS_URL: 'https://keys.example', AUTH_AUDIENCE: 'app' }),
    ).toContain('both set');
  });

  it('refuses development mode and the embedded database in production', () => {
    expect(refusal({ NODE_ENV: 'production', DATABASE_URL: 'postgres://db/app' })).toMatch(/no key/);
    expect(refusal({ NODE_ENV: 'Production', PRIVY_APP_ID: 'app' })).toMatch(/embedded database is refused/);
    const { config } = load({
      NODE_ENV: 'production',
      PRIVY_APP_ID: 'app',
      DATABASE_URL: 'postgres://u:p@/app?host=/tmp',
    });
    expect(config.production).toBe(true);
  });

  it('warns about names it does not know, with the nearest one', () => {
    const { warnings } = load({
      HASHI_MAX_MESSAGES_BYTES: '1',
      AUTH_AUDIENCES: 'x',
      HASHI_PORT: '1',
      AUTH_TIMEOUT_MS: '1',
      HASHI_XQ: '1',
      UNRELATED: '1',
    });
    expect(warnings).toEqual([
      'HASHI_MAX_MESSAGES_BYTES is not a setting, did you mean HASHI_MAX_MESSAGE_BYTES?',
      'AUTH_AUDIENCES is not a setting, did you mean AUTH_AUDIENCE?',
      'HASHI_PORT is not a setting, did you mean PORT?',
      'AUTH_TIMEOUT_MS is not a setting, did you mean HASHI_AUTH_TIMEOUT_MS?',
      'HASHI_XQ is not a setting',
    ]);
  });

  it('warns about settings that do nothing as they stand', () => {
    expect(load({ AUTH_AUDIENCE: 'app' }).warnings[0]).toMatch(/AUTH_AUDIENCE has no effect/);
    expect(load({ NODE_ENV: 'prod' }).warnings[0]).toMatch(/counts as development/);
  });
});

describe('nearestName', () => {
  it('finds one edit away and nothing far away', () => {
    expect(nearestName('HASHI_DRIAN_MS', ['HASHI_DRAIN_MS', 'HOST'])).toBe('HASHI_DRAIN_MS');
    expect(nearestName('HASHI_SOMETHING_ELSE', ['PORT'])).toBeUndefined();
  });
});

describe('colorWanted', () => {
  it('honours NO_COLOR and colours terminals alone', () => {
    expect(colorWanted({ isTTY: true }, {})).toBe(true);
    expect(colorWanted({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(colorWanted({}, {})).toBe(false);
  });
});
