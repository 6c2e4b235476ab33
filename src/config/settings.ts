/** Every setting there is: its name in the environment, what it may be, its default, unit, meaning and an example. */
import { z } from 'zod';
import { flag, host, hops, integer, listOf, oneOf, origin, postgresUrl, webUrl } from './values.js';

export interface Setting {
  /** Reads the variable's text. */
  readonly schema: z.ZodType<unknown, string>;
  /** Absent: the setting has none, and its property may be missing. */
  readonly default?: unknown;
  readonly unit?: string;
  /** One sentence for people. */
  readonly about: string;
  readonly example: string;
  /** `value`: hidden whole. `part`: may carry a credential, which is cut out. Neither is repeated in an error. */
  readonly secret?: 'value' | 'part';
}

const text = z.string();
const kib = 1024;
const mib = 1024 * kib;
const hour = 3_600_000;

export const settings = {
  DATABASE_URL: {
    schema: postgresUrl(),
    about: 'The database; an embedded one is started when this is not set.',
    example: 'postgres://user:password@db.example.com:5432/app?sslmode=require',
    secret: 'part',
  },
  HOST: {
    schema: host(),
    default: '127.0.0.1',
    about: 'The address to listen on; 0.0.0.0 is every IPv4 address, :: every address.',
    example: '0.0.0.0',
  },
  PORT: {
    schema: integer(0, 65_535),
    default: 3000,
    about: 'The port to listen on; 0 picks a free one and prints it.',
    example: '3000',
  },
  PRIVY_APP_ID: {
    schema: text.regex(/^[\w-]+$/, { error: 'must be the id of a Privy app' }),
    about: "Accepts the tokens of this Privy app: short for its audience and its key set's URL.",
    example: 'cl0example0000000000000000',
  },
  AUTH_JWKS_URL: {
    schema: webUrl(),
    about: 'The key set that tokens are checked with.',
    example: 'https://auth.example.com/.well-known/jwks.json',
    secret: 'part',
  },
  AUTH_PUBLIC_KEY: {
    schema: text.refine((key) => !/PRIVATE KEY-----|"[dk]"\s*:/.test(key), {
      error: 'holds a private key, which must not be here: give the public one',
    }),
    about: 'The one public key that tokens are checked with: PEM (SPKI) or JWK.',
    example: '-----BEGIN PUBLIC KEY-----\\nMFkw…\\n-----END PUBLIC KEY-----',
    secret: 'part',
  },
  AUTH_ISSUER: {
    schema: text,
    default: 'privy.io',
    about: "What a token's iss must be.",
    example: 'privy.io',
  },
  AUTH_AUDIENCE: {
    schema: listOf(text),
    about: "What a token's aud must contain one of; required wherever a key is given.",
    example: 'my-app-id',
  },
  AUTH_ALGORITHMS: {
    schema: listOf(oneOf(['ES256', 'EdDSA', 'RS256'])),
    default: ['ES256'],
    about: 'The signature algorithms that are accepted: ES256, EdDSA, RS256.',
    example: 'ES256,EdDSA',
  },
  AUTH_MAX_TOKEN_AGE_MS: {
    schema: integer(0, 366 * 24 * hour),
    default: 24 * hour,
    unit: 'milliseconds',
    about: 'The age, since its iat, at which a token ends whatever its exp; 0 for no limit.',
    example: '3600000',
  },
  ALLOWED_ORIGINS: {
    schema: listOf(origin()),
    default: [],
    about: 'The web origins whose pages may connect; same origin when not set, * for all.',
    example: 'https://app.example.com,https://admin.example.com',
  },
  MIGRATE_ON_START: {
    schema: flag(),
    default: true,
    about: 'Brings the database up to date when the server starts.',
    example: 'false',
  },
  HASHI_DATA_DIR: {
    schema: text,
    default: '.hashi',
    about: 'The directory of the embedded database and the development key.',
    example: '/var/lib/hashi',
  },
  HASHI_TRUSTED_PROXIES: {
    schema: hops(32),
    default: 0,
    unit: 'hops',
    about: 'How many proxies stand in front, whose X-Forwarded-For is believed; none by default.',
    example: '1',
  },
  LOG_LEVEL: {
    schema: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    default: 'info',
    about: 'The least important messages that are still logged.',
    example: 'debug',
  },
  LOG_FORMAT: {
    schema: oneOf(['json', 'pretty']),
    default: 'json',
    about: 'One JSON object a line, or lines for people; pretty on a terminal, json elsewhere.',
    example: 'json',
  },
  NODE_ENV: {
    schema: text.transform((name) => name.toLowerCase() === 'production'),
    default: false,
    about: 'production refuses to start in development mode or on an embedded database.',
    example: 'production',
  },
  HASHI_METRICS_TOKEN: {
    schema: text.min(8, { error: 'must have at least 8 characters' }),
    about: 'The bearer token that /metrics asks for; open when not set.',
    example: 'a-long-random-word',
    secret: 'value',
  },
  HASHI_TRACE_CONTEXT: {
    schema: flag(),
    default: false,
    about: 'Makes OpenTelemetry spans, and continues the trace that a client names in `traceparent`.',
    example: 'true',
  },
  HASHI_POOL_SIZE: {
    schema: integer(2, 200),
    default: 5,
    unit: 'connections',
    about: 'How many database connections an instance uses for its queries.',
    example: '10',
  },
  HASHI_MAX_MESSAGE_BYTES: {
    schema: integer(64, 16 * mib),
    default: 16 * kib,
    unit: 'bytes',
    about: 'The largest message taken from a client; a larger one closes with 1009.',
    example: '32768',
  },
  HASHI_MESSAGES_PER_SECOND: {
    schema: integer(1, 100_000),
    default: 20,
    unit: 'messages per second',
    about: 'How many messages a client may send on average.',
    example: '50',
  },
  HASHI_MESSAGE_BURST: {
    schema: integer(1, 1_000_000),
    default: 60,
    unit: 'messages',
    about: 'How many messages a client may send at once.',
    example: '100',
  },
  HASHI_MAX_SUBSCRIPTIONS: {
    schema: integer(0, 100_000),
    default: 100,
    unit: 'lobbies',
    about: 'How many lobbies a connection may subscribe to.',
    example: '200',
  },
  HASHI_MAX_CONNECTIONS_PER_PLAYER: {
    schema: integer(1, 10_000_000),
    default: 20,
    unit: 'connections',
    about: 'How many connections a player may hold to an instance.',
    example: '50',
  },
  HASHI_MAX_CONNECTIONS_PER_ADDRESS: {
    schema: integer(1, 10_000_000),
    default: 200,
    unit: 'connections',
    about: 'How many connections an IP address, with IPv6 a /64, may hold to an instance.',
    example: '1000',
  },
  HASHI_MAX_CONNECTIONS: {
    schema: integer(1, 10_000_000),
    default: 50_000,
    unit: 'connections',
    about: 'How many connections an instance holds.',
    example: '100000',
  },
  HASHI_AUTH_TIMEOUT_MS: {
    schema: integer(10, hour),
    default: 5_000,
    unit: 'milliseconds',
    about: 'How long a connection may take to authenticate.',
    example: '10000',
  },
  HASHI_UPGRADE_TIMEOUT_MS: {
    schema: integer(10, hour),
    default: 10_000,
    unit: 'milliseconds',
    about:
      'How long the headers of a request may take, and changing over from polling; a body three times as long.',
    example: '20000',
  },
  HASHI_MAX_UNSENT_BYTES: {
    schema: integer(kib, 1024 * mib),
    default: mib,
    unit: 'bytes',
    about: 'How much may wait for a slow connection, beyond the newest message, before it is closed.',
    example: '4194304',
  },
  HASHI_MAX_EVENT_BYTES: {
    schema: integer(kib, 256 * mib),
    default: mib,
    unit: 'bytes',
    about: 'The largest event that is sent; a larger one is told as RESYNC_REQUIRED.',
    example: '2097152',
  },
  HASHI_PERMESSAGE_DEFLATE: {
    schema: flag(),
    default: false,
    about: 'Compresses events for WebSocket clients that offer it: once per event, for all of them.',
    example: 'true',
  },
  HASHI_HEARTBEAT_INTERVAL_MS: {
    schema: integer(10, hour),
    default: 25_000,
    unit: 'milliseconds',
    about: 'How often a connection is pinged.',
    example: '15000',
  },
  HASHI_HEARTBEAT_TIMEOUT_MS: {
    schema: integer(10, hour),
    default: 20_000,
    unit: 'milliseconds',
    about: 'How long a connection may take to answer a ping before it counts as gone.',
    example: '10000',
  },
  HASHI_RETENTION_HOURS: {
    schema: integer(1, 24 * 366),
    default: 24,
    unit: 'hours',
    about: 'How long events are kept for clients that resume.',
    example: '72',
  },
  HASHI_RETENTION_EVENTS: {
    schema: integer(1, 1_000_000_000_000),
    default: 10_000_000,
    unit: 'events',
    about: 'How many events are kept for clients that resume.',
    example: '1000000',
  },
  HASHI_DRAIN_MS: {
    schema: integer(0, hour),
    default: 10_000,
    unit: 'milliseconds',
    about: 'Over what time connections are closed when the server stops.',
    example: '30000',
  },
} as const satisfies Record<string, Setting>;

/** The name of a setting, as in the environment; docs/settings.md has them all, with units and defaults. */
export type SettingName = keyof typeof settings;
export const settingNames = Object.keys(settings) as readonly SettingName[];
