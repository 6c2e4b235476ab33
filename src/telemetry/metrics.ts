/** Everything that is measured, under its Prometheus name; each server has a registry of its own. */
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type Aggregator,
  type MetricObject,
} from 'prom-client';
import { closeCodes, errorMessages } from '../errors.js';
import { refusals } from '../transports/gate.js';

/** The kinds of connections; label values are API. */
export const transports = ['websocket', 'socketio'] as const;
export type Transport = (typeof transports)[number];

/** A counter for paths that run for every event: a number in a map, read only when Prometheus asks. */
export class Tally {
  readonly #counts = new Map<string, number>();

  /** @param label must come from a small fixed set, never from a client */
  add(label: string, by = 1): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + by);
  }

  entries(): IterableIterator<[string, number]> {
    return this.#counts.entries();
  }
}

/** Engine.IO's reasons for the end of a connection. */
const socketIoCloses: readonly string[] = [
  'transport close',
  'transport error',
  'forced close',
  'ping timeout',
  'parse error',
];

/** The registered close codes of WebSocket, and ours; a client may close with any of a thousand others. */
const knownCloses: ReadonlySet<number> = new Set([
  ...Array.from({ length: 16 }, (_, at) => 1000 + at),
  ...Object.values(closeCodes),
]);

const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type Metrics = ReturnType<typeof createMetrics>;

/** Labels: `code` is an error code or a close code, `type` a message or event type of the catalogue, never a client's word. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  /** @param aggregator how the gauges of several workers become one */
  const gauge = (name: string, help: string, aggregator: Aggregator = 'sum') =>
    new Gauge({ name: `hashi_${name}`, help, registers, aggregator });
  const counter = (name: string, help: string) => new Counter({ name: `hashi_${name}`, help, registers });
  const counterBy = <Label extends string>(name: string, help: string, label: Label) =>
    new Counter({ name: `hashi_${name}`, help, labelNames: [label], registers });
  const sampled = (name: string, help: string, label: string, read: () => Iterable<[string, number]>) =>
    new Counter({
      name: `hashi_${name}`,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of read()) this.inc({ [label]: value }, count);
      },
    });

  const eventsTotal = new Tally();
  /** Add to the field; once per fan-out is enough. */
  const deliveriesTotal: Record<Transport, number> = { websocket: 0, socketio: 0 };
  sampled('events_total', 'Events read from the log, by type.', 'type', () => eventsTotal.entries());
  sampled(
    'deliveries_total',
    'Messages with an event handed to a connection, by transport.',
    'transport',
    () => Object.entries(deliveriesTotal),
  );

  const connections = new Gauge({
    name: 'hashi_connections',
    help: 'Connections that are open now, by transport.',
    labelNames: ['transport'],
    registers,
  });
  for (const transport of transports) connections.set({ transport }, 0);

  const slowConsumersTotal = counter('slow_consumers_total', 'Connections closed for reading too slowly.');
  const errorsTotal = counterBy('errors_total', 'Errors told to clients, by code.', 'code');
  for (const code of Object.keys(errorMessages)) errorsTotal.inc({ code }, 0);

  const closesTotal = counterBy(
    'closes_total',
    'Connections closed, by WebSocket close code; a client may make one up: that is `other`.',
    'code',
  );
  const authFailuresTotal = counterBy(
    'auth_failures_total',
    'Connections refused for their token, by code.',
    'code',
  );
  const resumesTotal = counterBy('resumes_total', 'Connections that asked to resume, by result.', 'result');
  const refusedTotal = counterBy(
    'refused_total',
    'Connections refused before anything was known of the player, by reason.',
    'reason',
  );
  // From 0 on, or rate() and increase() in alerts do not see the first ones.
  for (const code of ['AUTH_ERROR', 'AUTH_UNAVAILABLE']) authFailuresTotal.inc({ code }, 0);
  for (const reason of refusals) refusedTotal.inc({ reason }, 0);
  for (const result of ['recovered', 'failed']) resumesTotal.inc({ result }, 0);

  const socketIoClosesTotal = counterBy(
    'socketio_closes_total',
    "Socket.IO's transports closed, by Engine.IO's reason.",
    'reason',
  );

  const rateLimitedTotal = counter('rate_limited_total', 'Messages from clients over the rate limit.');

  const oversizeMessagesTotal = counter(
    'oversize_messages_total',
    'Messages from clients over HASHI_MAX_MESSAGE_BYTES.',
  );

  const samplers: (() => void)[] = [];

  return {
    registry,
    connections,
    eventsTotal,
    deliveriesTotal,
    logLagEvents: gauge(
      'log_lag_events',
      'Events in the log that this instance has not handed out yet.',
      'max',
    ),
    logLagSeconds: gauge('log_lag_seconds', 'Age of the oldest event not handed out yet, in seconds.', 'max'),
    commitToSendSeconds: new Histogram({
      name: 'hashi_commit_to_send_seconds',
      help: 'Seconds from the change in the database to the hand-over to its connections.',
      buckets: latencyBuckets,
      registers,
    }),
    sequencerBatchesTotal: counter(
      'sequencer_batches_total',
      'Batches of events this instance has read from the log.',
    ),
    sequencerBatchEvents: new Histogram({
      name: 'hashi_sequencer_batch_events',
      help: 'Events in a batch this instance has read from the log.',
      buckets: [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 10_000, 100_000],
      registers,
    }),
    quarantinedEvents: gauge(
      'quarantined_events',
      'Events in the log that could not be built: run doctor.',
      'max',
    ),
    quarantinedTotal: counter('quarantined_total', 'Events read that could not be built, or cannot be read.'),
    errorsTotal,
    /** Deliveries of one flush. */
    observeDelivered(websocket: number, socketio: number): void {
      deliveriesTotal.websocket += websocket;
      deliveriesTotal.socketio += socketio;
    },
    observeClose(code: number): void {
      closesTotal.inc({ code: knownCloses.has(code) ? code : 'other' });
    },
    observeSocketIoClose: (reason: string) => {
      socketIoClosesTotal.inc({ reason: socketIoCloses.includes(reason) ? reason : 'other' });
    },
    /** @param told by a message that is not counted elsewhere */
    observeRateLimited(told = false): void {
      rateLimitedTotal.inc();
      if (told) errorsTotal.inc({ code: 'RATE_LIMITED' });
    },
    observeConnectionError: (code: string) => {
      errorsTotal.inc({ code });
      if (code === 'SLOW_CONSUMER') slowConsumersTotal.inc();
    },
    observeTooLarge: () => oversizeMessagesTotal.inc(),
    authFailuresTotal,
    refusedTokensTotal: counterBy(
      'refused_tokens_total',
      'Tokens that were no good, by what is wrong.',
      'reason',
    ),
    refusedTotal,
    clientMessagesTotal: counterBy('client_messages_total', 'Messages from clients, by type.', 'type'),
    slowConsumersTotal,
    resumesTotal,
    resyncsTotal: counter('resyncs_total', 'Times clients were told to read the state again.'),
    databaseUp: gauge('database_up', 'Whether the database answers: 1 or 0.', 'min'),
    listenerReconnectsTotal: counter(
      'listener_reconnects_total',
      "Times the listener's connection was lost.",
    ),
    notificationQueueUsage: gauge(
      'notification_queue_usage_ratio',
      "How full Postgres's notification queue is, 0 to 1; a full one fails commits.",
      'max',
    ),
    ready: gauge('ready', 'Whether this instance is ready for clients: 1 or 0.', 'min'),
    unsentBytes: gauge('unsent_bytes', 'Bytes that wait for slow connections, all together.'),
    droppedOversizeEventsTotal: counter(
      'dropped_oversize_events_total',
      'Events over HASHI_MAX_EVENT_BYTES, told as RESYNC_REQUIRED instead.',
    ),

    /** Registers what sets gauges just before they are read; must not throw. */
    beforeScrape(sampler: () => void): void {
      samplers.push(sampler);
    },

    /** As they stand now, for the primary process to put together with the other workers'. */
    async collect(): Promise<MetricObject[]> {
      for (const sample of samplers) sample();
      return registry.getMetricsAsJSON();
    },

    /** The text of all workers together. */
    async scrapeAll(workers: { metrics(): Promise<string> }): Promise<{ contentType: string; body: string }> {
      return { contentType: registry.contentType, body: await workers.metrics() };
    },

    /** The text for Prometheus, and its content type. */
    async scrape(): Promise<{ contentType: string; body: string }> {
      for (const sample of samplers) sample();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
