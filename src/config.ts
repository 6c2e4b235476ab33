/** Reads every setting once, from the environment; nothing else in the program does. */
import type { z } from 'zod';
import { OperatorError } from './errors.js';
import { nearestName } from './config/nearest.js';
import { settingNames, settings, type Setting, type SettingName } from './config/settings.js';
import { scrubText } from './telemetry/redaction.js';

export { settingNames, settings, type Setting, type SettingName } from './config/settings.js';

/** `HASHI_MAX_MESSAGE_BYTES` ▶ `maxMessageBytes`; `NODE_ENV` is the one exception. */
export type PropertyOf<Name extends string> = Name extends 'NODE_ENV'
  ? 'production'
  : Name extends `HASHI_${infer Rest}`
    ? Camel<Rest>
    : Camel<Name>;

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Tail>>}`
  : Lowercase<Name>;

type Table = typeof settings;
type WithDefault = { [N in SettingName]: Table[N] extends { default: unknown } ? N : never }[SettingName];
type ValueOf<N extends SettingName> = Readonly<z.output<Table[N]['schema']>>;

/** All settings, validated; a property is missing only where the table has no default. */
export type Config = { readonly [N in WithDefault as PropertyOf<N>]: ValueOf<N> } & {
  readonly [N in Exclude<SettingName, WithDefault> as PropertyOf<N>]?: ValueOf<N>;
};

export type Source = 'default' | 'environment';

export interface LoadedConfig {
  readonly config: Config;
  readonly sources: Readonly<Record<SettingName, Source>>;
  /** Sentences for the operator: names that are not known, settings without effect. */
  readonly warnings: readonly string[];
}

export interface LoadOptions {
  /** Whether the log goes to a terminal: makes `pretty` the default format. */
  readonly terminal?: boolean;
}

/**
 * A variable that is empty counts as not set.
 * @throws OperatorError naming every variable that is wrong, what is wrong with it and an example
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
  { terminal = process.stderr.isTTY }: LoadOptions = {},
): LoadedConfig {
  const values: Record<string, unknown> = {};
  const sources: Partial<Record<SettingName, Source>> = {};
  const problems: string[] = [];

  for (const name of settingNames) {
    const setting: Setting = settings[name];
    const text = env[name]?.trim() ?? '';
    if (text === '') {
      sources[name] = 'default';
      const value = name === 'LOG_FORMAT' && terminal ? 'pretty' : setting.default;
      if (value !== undefined) values[propertyOf(name)] = value;
      continue;
    }
    sources[name] = 'environment';
    const parsed = setting.schema.safeParse(text);
    if (parsed.success) values[propertyOf(name)] = parsed.data;
    else problems.push(problemOf(name, setting, text, parsed.error));
  }

  // Every property was put in by the loop above, from the same table that Config is made of.
  const config = Object.freeze(values) as Config;
  // Rules between settings would blame the wrong one while a value is missing because it could not be read.
  if (problems.length === 0) problems.push(...contradictions(config));
  if (problems.length > 0) throw new OperatorError(inOneMessage(problems));
  return {
    config,
    sources: sources as Record<SettingName, Source>,
    warnings: [...unknownNames(env), ...withoutEffect(config, env)],
  };
}

/** The name of a setting's property in `Config`. */
export function propertyOf<Name extends SettingName>(name: Name): PropertyOf<Name> {
  const camel = name
    .replace(/^HASHI_/, '')
    .toLowerCase()
    .replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return (name === 'NODE_ENV' ? 'production' : camel) as PropertyOf<Name>;
}

/** Whether to colour what goes to a stream: https://no-color.org. */
export function colorWanted(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  return stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}

function problemOf(name: SettingName, setting: Setting, text: string, error: z.ZodError): string {
  const rule = error.issues[0]?.message ?? 'is not valid';
  const given = setting.secret === undefined ? ` is ${JSON.stringify(shortened(text))} but` : '';
  return `${name}${given} ${rule}, for example ${name}=${setting.example}`;
}

function contradictions(config: Config): string[] {
  const { authPublicKey, authJwksUrl, privyAppId, authAudience, databaseUrl, production } = config;
  const problems: string[] = [];
  const keyName =
    authPublicKey !== undefined ? 'AUTH_PUBLIC_KEY' : authJwksUrl !== undefined ? 'AUTH_JWKS_URL' : undefined;
  if (authPublicKey !== undefined && authJwksUrl !== undefined) {
    problems.push('AUTH_JWKS_URL and AUTH_PUBLIC_KEY are both set: keep one of them');
  }
  if (keyName !== undefined && authAudience === undefined && privyAppId === undefined) {
    problems.push(
      `${keyName} is set but AUTH_AUDIENCE is not: name whom the tokens are for, for example AUTH_AUDIENCE=${settings.AUTH_AUDIENCE.example}`,
    );
  }
  if (production && keyName === undefined && privyAppId === undefined) {
    problems.push(
      `NODE_ENV is production but no key is configured, and development mode is refused there: set PRIVY_APP_ID, or AUTH_JWKS_URL or AUTH_PUBLIC_KEY with AUTH_AUDIENCE, for example PRIVY_APP_ID=${settings.PRIVY_APP_ID.example}`,
    );
  }
  if (production && databaseUrl === undefined) {
    problems.push(
      `NODE_ENV is production but DATABASE_URL is not set, and an embedded database is refused there: name the database, for example DATABASE_URL=${settings.DATABASE_URL.example}`,
    );
  }
  return problems;
}

function unknownNames(env: Readonly<Record<string, string | undefined>>): string[] {
  const known: readonly string[] = settingNames;
  return Object.keys(env)
    .filter((name) => /^(HASHI|AUTH)_/.test(name) && !known.includes(name))
    .map((name) => {
      const nearest = nearestName(name, known);
      return `${name} is not a setting${nearest === undefined ? '' : `, did you mean ${nearest}?`}`;
    });
}

function withoutEffect(config: Config, env: Readonly<Record<string, string | undefined>>): string[] {
  const warnings: string[] = [];
  const { authAudience, authPublicKey, authJwksUrl, privyAppId } = config;
  if (authAudience !== undefined && (authPublicKey ?? authJwksUrl ?? privyAppId) === undefined) {
    warnings.push('AUTH_AUDIENCE has no effect without AUTH_JWKS_URL, AUTH_PUBLIC_KEY or PRIVY_APP_ID');
  }
  const environment = env['NODE_ENV']?.trim() ?? '';
  if (environment !== '' && !/^(production|development|test)$/i.test(environment)) {
    warnings.push(`NODE_ENV is ${JSON.stringify(shortened(environment))}, which counts as development`);
  }
  return warnings;
}

function inOneMessage(problems: readonly string[]): string {
  if (problems.length === 1) return `${problems[0]}.`;
  return `${problems.length} settings are wrong:\n${problems.map((problem) => `  ${problem}.`).join('\n')}`;
}

/** As it may be shown: a token or a URL may have been put into the wrong variable. */
function shortened(text: string): string {
  const clean = scrubText(text);
  return clean.length > 60 ? `${clean.slice(0, 60)}…` : clean;
}
