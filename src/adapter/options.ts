/** What `createAdapter` can be told: all that `@socket.io/postgres-adapter` takes, and what is ours. */
import type { ClientConfig, Pool } from 'pg';
import type { ClusterAdapterOptions } from 'socket.io-adapter';
import { defaultPrefix } from './messages.js';

/** What `createAdapter` takes; the options of `@socket.io/postgres-adapter` mean what they mean there. */
export interface AdapterOptions extends ClusterAdapterOptions {
  /**
   * Names a group of servers: those with another prefix on the same database have nothing to do with them. Also that of
   * the channels that `@socket.io/postgres-emitter` sends on. Default `socket.io`.
   */
  readonly channelPrefix?: string;
  /**
   * The table in which `@socket.io/postgres-emitter` leaves what is large or binary. Nothing else needs it.
   * Default `socket_io_attachments`; `realtime.attachments` is there already.
   */
  readonly tableName?: string;
  /** Above this many bytes a request between instances goes through a row. Default and most: 7999. */
  readonly payloadThreshold?: number;
  /** After how many milliseconds such rows are deleted. Default 30000. */
  readonly cleanupInterval?: number;
  /** Hears of everything that goes wrong, in sentences. Default: `console.error`, no sentence twice in 10 s. */
  readonly errorHandler?: (error: Error) => void;

  /**
   * How long the sockets of this very instance wait for the log, in milliseconds; then they get a broadcast at once,
   * whatever the database does. Default 500.
   */
  readonly localDeliveryMs?: number;
  /**
   * Who may send from a process without sockets. `checked`: roles that may execute `realtime.adapter_append`;
   * `trusted`: every role that can connect to the database; `off`: nobody. Default `checked`.
   */
  readonly emitters?: 'checked' | 'trusted' | 'off';
  /** How long the log is kept, in hours, unless a hashi-socket server on the same database sees to it. Default 1. */
  readonly retentionHours?: number;
  /** How many entries of the log are kept at most, likewise. Default 1,000,000. */
  readonly retentionEvents?: number;
  /** Whether to create what is missing in the schema `realtime`. Default true. */
  readonly install?: boolean;
  /**
   * Settings for the two connections of the adapter's own, which have to reach Postgres itself or a pooler in
   * session mode. Default: the pool's.
   */
  readonly connection?: ClientConfig;
}

export type Settings = Required<Omit<AdapterOptions, 'connection'>> & { readonly connection: ClientConfig };

/** NOTIFY takes less than 8,000 bytes. */
const largestNotification = 7999;

export function settingsOf(connection: ClientConfig, options: AdapterOptions): Settings {
  return {
    heartbeatInterval: options.heartbeatInterval ?? 5000,
    heartbeatTimeout: options.heartbeatTimeout ?? 10_000,
    channelPrefix: options.channelPrefix ?? defaultPrefix,
    tableName: options.tableName ?? 'socket_io_attachments',
    payloadThreshold: Math.min(options.payloadThreshold ?? largestNotification, largestNotification),
    cleanupInterval: options.cleanupInterval ?? 30_000,
    errorHandler: options.errorHandler ?? toConsole(),
    localDeliveryMs: options.localDeliveryMs ?? 500,
    emitters: options.emitters ?? 'checked',
    retentionHours: options.retentionHours ?? 1,
    retentionEvents: options.retentionEvents ?? 1_000_000,
    install: options.install ?? true,
    connection: options.connection ?? connection,
  };
}

/** What the pool connects with; it hides some of it from enumeration. */
export function connectionOf(pool: Pool): ClientConfig {
  const { options } = pool;
  const config: ClientConfig = {};
  for (const key of connectionKeys) {
    if (options[key] !== undefined) Object.assign(config, { [key]: options[key] });
  }
  return config;
}

const connectionKeys = [
  'connectionString',
  'host',
  'port',
  'user',
  'password',
  'database',
  'ssl',
  'options',
  'stream',
] as const;

const quietMs = 10_000;

function toConsole(): (error: Error) => void {
  let last = '';
  let at = 0;
  return ({ message }) => {
    if (message === last && Date.now() - at < quietMs) return;
    last = message;
    at = Date.now();
    console.error(`hashi-socket adapter: ${message}`);
  };
}
