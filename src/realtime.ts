/** The realtime part of the server: from the log to the sockets. */
import type { Server as HttpServer } from 'node:http';
import type { Socket as EngineSocket } from 'engine.io';
import type { Pool } from 'pg';
import type { Server as SocketIoServer } from 'socket.io';
import type { Authenticator } from './auth/index.js';
import { familiesByEvent, membershipTables, type Catalog } from './catalog/index.js';
import type { Config } from './config.js';
import { closeCodes } from './errors.js';
import { handlersOf, type Hooks } from './hooks.js';
import { requestTimes } from './http/own-server.js';
import type { HttpHandler } from './http/server.js';
import { Feed } from './log/feed.js';
import { HealthKeeper } from './log/health.js';
import { History } from './log/history.js';
import { RetentionKeeper } from './log/retention.js';
import { Admission } from './routing/admission.js';
import { Hub } from './routing/hub.js';
import { DatabaseMemberships } from './routing/memberships.js';
import { EntryMessages } from './routing/messages.js';
import { Replay } from './routing/replay.js';
import { Readers } from './routing/readers.js';
import { Router, type RoomDoor } from './routing/router.js';
import { Subscriptions } from './routing/subscriptions.js';
import type { Logger } from './telemetry/logger.js';
import type { Metrics } from './telemetry/metrics.js';
import { logResyncs, observeEntries, observeHealth, observeRead, observeState } from './telemetry/observe.js';
import type { Tracing } from './telemetry/tracing.js';
import type { AdapterProcess } from './adapter/process.js';
import { Emits } from './routing/emits.js';
import { hubAdapter } from './transports/adapter.js';
import { encoderOf, openAdapters, restoring } from './transports/adapter-process.js';
import { drain } from './transports/drain.js';
import { createEngine } from './transports/socketio.js';
import { guardEngine, type EngineGuardOptions } from './transports/engine-guard.js';
import { openFront } from './transports/front.js';
import { Gate, type Refusal } from './transports/gate.js';
import type { Neighbours } from './workers/neighbours.js';
import { Keeper } from './transports/keeper.js';
import { RawEngine } from './transports/raw-engine.js';
import { RawTransport } from './transports/raw.js';
import { Requests } from './transports/requests.js';
import { Sessions } from './transports/sessions.js';

const gapText = 'events were lost to this instance: clients are told to read the state again';

export interface RealtimeOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly http: HttpServer;
  /** Not bound to anything yet; see `transports/socketio.ts`. */
  readonly io: SocketIoServer;
  readonly rawPath: string;
  /** Whether `http` is another program's. */
  readonly shared: boolean;
  readonly hooks: Hooks;
  readonly pool: Pool;
  readonly databaseUrl: string;
  readonly authenticator: Authenticator;
  readonly tracing?: Tracing | undefined;
  readonly catalog: Catalog;
  /** Null on another program's server: what is not ours is its own to answer. */
  readonly pages: HttpHandler | null;
  readonly ready: () => boolean;
  /** The other workers of the same port. */
  readonly neighbours?: Neighbours | undefined;
}

/** Clocks differ: a token is good for this long after its end. */
const tokenLeewayMs = 5000;
/** How long a connection may wait for a database that does not answer. */
const admissionPatienceMs = 15_000;
/** How long a client may take to answer the close at the end of a drain. */
const goodbyeMs = 1000;
/** A replay waits for a client that has not taken this much. */
const replayUnsentBytes = 64 << 10;

export class Realtime {
  readonly feed: Feed;
  private readonly io: SocketIoServer;
  private readonly adapters: AdapterProcess;
  private readonly sessions: Sessions;
  private readonly raw: RawTransport;
  private readonly gate: Gate;
  private readonly keeper: Keeper;
  private readonly retention: RetentionKeeper;
  private onStarted: () => void = () => undefined;
  /** Resolves once the feed follows the log. */
  private readonly started = new Promise<void>((resolve) => (this.onStarted = resolve));
  private readonly health: HealthKeeper;
  private readonly closeFront: () => void;

  constructor(private readonly options: RealtimeOptions) {
    const { config, logger, metrics, pool, catalog, tracing, neighbours } = options;
    const onError = (error: unknown) => logger.error({ err: error }, 'a connection could not be served');
    const connections = () => this.sessions.connections.values();
    const hub = new Hub({
      onDelivered: (websocket, socketio) => metrics.observeDelivered(websocket, socketio),
      onTold: (code, connections) => metrics.errorsTotal.inc({ code }, connections),
      onBroken(connection, error) {
        onError(error);
        connection.wire.close(closeCodes.INTERNAL, 'INTERNAL_ERROR');
      },
      onSlow: (connection) => connection.fail('SLOW_CONSUMER'),
    });
    const door: RoomDoor = {
      enter: (connection, room) => void this.io.of('/').adapter.addAll(connection.id, new Set([room])),
      leave: (connection, room) => void this.io.of('/').adapter.del(connection.id, room),
    };
    const messages = new EntryMessages(familiesByEvent(catalog), config.maxEventBytes, (entry) => {
      metrics.droppedOversizeEventsTotal.inc();
      logger.warn({ seq: entry.seq, type: entry.type }, 'an event is over HASHI_MAX_EVENT_BYTES');
    });
    const memberships = new DatabaseMemberships(pool, membershipTables(catalog), catalog.lobbies);
    const history = new History(pool, config);
    const readers = new Readers(() => hub.everyone.strays);
    const router = new Router({
      hub,
      door,
      messages,
      epoch: () => this.feed.epoch,
      onAdapterEntry: (entry) => this.adapters.take(entry),
      onRoomChange: (room, member) => subscriptions.roomChanged(room, member),
      onReset: (playerId) => {
        metrics.resyncsTotal.inc();
        admission.refresh(playerId === null ? [...hub.everyone] : [...hub.ofPlayer(playerId)]).catch(onError);
      },
    });
    this.feed = new Feed({
      url: options.databaseUrl,
      observer: {
        onEntries: (entries, more) => {
          if (tracing) tracing.batch(entries, () => router.route(entries, more));
          else router.route(entries, more);
          this.adapters.taken();
          observeEntries(metrics, entries, Date.now());
          logResyncs(logger, entries);
          options.hooks.onEntries?.(entries);
        },
        onRead: (count) => observeRead(metrics, count),
        onGap: (reason) => {
          logger.error({ reason }, gapText);
          metrics.resyncsTotal.inc();
          router.flush();
          this.adapters.gap(reason);
          subscriptions.roomChanged(null);
          admission.refresh([...hub.everyone]).catch(onError);
        },
        onNextPage: () => readers.keepUp(),
        onUp: () => logger.info('following the log'),
        onDown(error) {
          metrics.listenerReconnectsTotal.inc();
          logger.warn({ err: error }, 'the log cannot be followed right now: trying again');
        },
      },
    });
    const { feed } = this;
    this.io = options.io;
    this.adapters = openAdapters(options, { feed, following: this.started });
    const emits = new Emits({
      encode: encoderOf(this.io),
      isDuplicate: (seq) => this.adapters.seen.duplicates.has(seq),
      isOurs: (origin) => origin === this.adapters.id,
    });
    const subscriptions = new Subscriptions({
      feed,
      door,
      roomsOf: ({ id }) => this.io.of('/').adapter.socketRooms(id) ?? [],
      memberships,
      flush: () => router.flush(),
      maxSubscriptions: config.maxSubscriptions,
      canSubscribe: options.hooks.canSubscribe,
    });
    const admission = new Admission({
      hub,
      door,
      feed,
      memberships,
      replay: new Replay({ feed, history, memberships, messages, emits, unsentBytes: replayUnsentBytes }),
      subscriptions,
      onResume: (result) => metrics.resumesTotal.inc({ result }),
      patienceMs: admissionPatienceMs,
      onError,
    });

    this.io.adapter(
      hubAdapter({
        process: this.adapters,
        hub,
        emits,
        connectionOf: (id) => this.sessions.connections.get(id),
        restore: restoring(feed, history),
      }) as never,
    );
    const onRateLimited = (told?: boolean) => metrics.observeRateLimited(told);
    const limits = { onRateLimited, onTooLarge: metrics.observeTooLarge };
    const engine = createEngine(config, limits);
    if (neighbours) engine.generateId = () => neighbours.newSessionId();
    this.io.bind(engine);
    // One of each for all connections, of which there are many.
    const { messagesPerSecond, messageBurst, authTimeoutMs } = config;
    const guard: EngineGuardOptions = {
      ...{ messagesPerSecond, messageBurst, authTimeoutMs, onRateLimited },
      onSilent: () => this.gate.note('silent'),
      onClose: metrics.observeSocketIoClose,
    };
    engine.on('connection', (opened: EngineSocket | RawEngine) => {
      if (opened instanceof RawEngine) return;
      this.sessions.endSoon(opened);
      guardEngine(opened, guard);
    });

    this.sessions = new Sessions({
      ...config,
      io: this.io,
      hub,
      admission,
      authenticator: options.authenticator,
      places: neighbours?.places,
      tracing,
      secret: () => feed.secret,
      requests: new Requests({
        subscriptions,
        authenticator: options.authenticator,
        handlers: handlersOf(options.hooks, this.io),
        onMessage: (type) => metrics.clientMessagesTotal.inc({ type }),
        onError,
      }),
      onAuthFailure: (code) => {
        metrics.authFailuresTotal.inc({ code });
        metrics.errorsTotal.inc({ code });
      },
      onRateLimited,
      onPing: () => metrics.clientMessagesTotal.inc({ type: 'ping' }),
      onOpen: (connection) => (connection.onError = metrics.observeConnectionError),
      onError,
    });
    const onRefused = (reason: Refusal) => metrics.refusedTotal.inc({ reason });
    this.gate = new Gate({ ...config, places: neighbours?.places, onRefused });
    const engines = () => this.raw.engines;
    this.keeper = new Keeper({ ...config, leewayMs: tokenLeewayMs, engines, connections });
    this.raw = new RawTransport({
      ...config,
      io: this.io,
      onClose: (code) => metrics.observeClose(code),
      ...limits,
    });
    this.health = new HealthKeeper({
      pool,
      onHealth: (health) => observeHealth(metrics, health, logger),
      onError: (error) => logger.debug({ err: error }, 'the health of the log is not known right now'),
    });
    this.retention = new RetentionKeeper(pool, config, (error) =>
      logger.warn({ err: error }, 'the log could not be pruned: trying again soon'),
    );
    this.closeFront = openFront({
      server: options.http,
      engine,
      raw: this.raw,
      gate: this.gate,
      ...options,
      shared: options.shared ? requestTimes(config) : null,
      ...limits,
    });
    observeState(metrics, { feed, hub, connections, ready: options.ready });
  }

  async start(): Promise<void> {
    await this.feed.start();
    this.onStarted();
    this.keeper.start();
    this.retention.start();
    this.health.start();
  }

  /** Tells every client that the server goes, spread over the time; nobody new comes in. */
  async drain(drainMs: number): Promise<void> {
    this.gate.closed = true;
    await drain(() => this.sessions.connections.values(), drainMs);
    // The goodbyes leave, and are answered: what has not gone by then is cut off.
    const until = performance.now() + goodbyeMs;
    while (this.sessions.connections.size > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async stop(): Promise<void> {
    this.retention.stop();
    this.health.stop();
    this.keeper.stop();
    for (const engine of this.raw.engines) {
      if (engine.ws.readyState === engine.ws.OPEN) engine.ws.close(closeCodes.RESTART);
    }
    this.closeFront();
    await this.io.close();
    for (const engine of this.raw.engines) engine.ws.terminate();
    await this.feed.stop();
  }
}
