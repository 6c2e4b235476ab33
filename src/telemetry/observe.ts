/** Turns what the parts of the server report into metrics. */
import { isUnreadable } from '../adapter/ordered-entry.js';
import { TokenRefusal, type Authenticator } from '../auth/index.js';
import type { LogHealth } from '../log/health.js';
import type { Feed } from '../log/feed.js';
import type { LogEntry } from '../log/entry.js';
import type { Hub } from '../routing/hub.js';
import type { Connection } from '../transports/connection.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';

/** Counts what is wrong with tokens, wherever they are brought. */
export function observeTokens(metrics: Metrics, authenticator: Authenticator): Authenticator {
  return {
    mode: authenticator.mode,
    get lastError() {
      return authenticator.lastError;
    },
    authenticate: (token) =>
      authenticator.authenticate(token).catch((error: unknown) => {
        const cause = error instanceof Error ? error.cause : undefined;
        if (cause instanceof TokenRefusal) metrics.refusedTokensTotal.inc({ reason: cause.reason });
        throw error;
      }),
    stop: () => authenticator.stop(),
  };
}

/** The log has answered with so many entries. */
export function observeRead(metrics: Metrics, count: number): void {
  metrics.sequencerBatchesTotal.inc();
  metrics.sequencerBatchEvents.observe(count);
}

/** One measurement of latency is enough for entries that are handed on together. */
export function observeEntries(metrics: Metrics, entries: readonly LogEntry[], now: number): void {
  for (const entry of entries) {
    metrics.eventsTotal.add(entry.type);
    if (entry.type === 'realtime.quarantined' || isUnreadable(entry)) metrics.quarantinedTotal.inc();
  }
  const first = entries[0];
  if (first) metrics.commitToSendSeconds.observe(Math.max(0, now - first.at) / 1000);
}

/** What stands for changes that cannot be told as events, and what it says to an operator. */
const resyncs = new Map([
  ['realtime.truncated', 'a table was truncated'],
  ['realtime.restored', 'a dump was loaded into the database'],
  ['realtime.resync', 'a resync was asked for'],
]);

export function logResyncs(logger: Logger, entries: readonly LogEntry[]): void {
  for (const entry of entries) {
    const { type, seq } = entry;
    const what = isUnreadable(entry) ? 'an entry of the log cannot be read' : resyncs.get(type);
    if (what !== undefined) logger.warn({ seq }, `${what}: clients are told to read the state again`);
  }
}

/** Sets the gauges that are read from the parts when somebody asks. */
export function observeState(
  metrics: Metrics,
  parts: { feed: Feed; hub: Hub; connections: () => Iterable<Connection>; ready: () => boolean },
): void {
  metrics.beforeScrape(() => {
    let websocket = 0;
    let socketio = 0;
    let unsent = 0;
    for (const connection of parts.connections()) {
      if (connection.wire.transport === 'websocket') websocket++;
      else socketio++;
      unsent += connection.wire.unsentBytes();
    }
    metrics.connections.set({ transport: 'websocket' }, websocket);
    metrics.connections.set({ transport: 'socketio' }, socketio);
    metrics.unsentBytes.set(unsent);
    metrics.logLagEvents.set(parts.feed.head - parts.feed.position);
    metrics.logLagSeconds.set(parts.feed.silentMs() / 1000);
    metrics.databaseUp.set(parts.feed.trouble() === null ? 1 : 0);
    metrics.ready.set(parts.ready() ? 1 : 0);
  });
}

/** A notification queue this full is worth an alarm: full, it fails commits. */
const queueAlarm = 0.5;

export function observeHealth(
  metrics: Metrics,
  { quarantined, queueUsage }: LogHealth,
  logger: Pick<Logger, 'error'>,
): void {
  metrics.quarantinedEvents.set(quarantined);
  metrics.notificationQueueUsage.set(queueUsage);
  if (queueUsage <= queueAlarm) return;
  logger.error(
    { queueUsage },
    'the notification queue of Postgres fills up: find the session that listens in an open transaction',
  );
}
