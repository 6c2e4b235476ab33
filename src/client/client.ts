/** Keeps a connection alive, and hands on each event once, in order, whatever happens to the network. */
import type { HashiMessage } from '../catalog/index.js';
import type { ErrorCode } from '../errors.js';
import { delayMs } from './backoff.js';
import { systemClock, type Clock } from './clock.js';
import { ending } from './ending.js';
import { ClientError } from './error.js';
import {
  Listeners,
  type Connected,
  type EventMap,
  type EventMessage,
  type State,
  type StateChange,
} from './events.js';
import { Link, type Frame } from './link.js';
import type { ConnectOptions } from './options.js';
import { Pings } from './pings.js';
import { Requests } from './requests.js';
import { Stream } from './stream.js';

interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly id?: unknown;
}

/** A lobby's event; `lobbyId` and `lobbyCode` are both names of it. */
interface LobbyEvent {
  readonly type: string;
  readonly lobbyId: string;
  readonly lobbyCode: string;
  readonly payload: { readonly playerId: string | null };
}

const closeCodes = { normal: 1000, abnormal: 1006, tooBig: 1009, restarting: 1012, unauthorized: 4401 };
const closedText = 'closed by the client';
/** A connection that held for this long was a good one: the next wait is short again. */
const stableMs = 5000;
/** How many ids are kept, to know a repetition. */
const remembered = 1024;

/** A connection that stays, as `connect` returns it: listeners, an iterator over events, subscriptions. */
export class Client<M extends EventMessage = HashiMessage> implements AsyncIterable<M['data']> {
  private current: State = 'connecting';
  private link: Link | undefined;
  private readonly report = (error: unknown): void => {
    const { onerror = (unheard) => console.error(unheard) } = this.options;
    // Not from here: one that throws must not break the stream either.
    queueMicrotask(() => onerror(error));
  };
  private readonly listeners = new Listeners(this.report);
  private readonly requests: Requests;
  private readonly pings: Pings;
  private readonly stream: Stream<M['data']>;
  private readonly seen = new Set<string>();
  /** Failures in a row. */
  private failures = 0;
  private openedAt: number | undefined;
  /** The last token was refused, and there has been no connection since. */
  private refused = false;
  private resuming = false;
  private gapTold = false;
  private playerId: string | undefined;
  /** Ids and codes of the player's own lobbies: at this connection, and at the end of the one before. */
  private lobbies = new Set<string>();
  private lobbiesBefore = this.lobbies;
  private stopRetry: (() => void) | undefined;
  /** The network is what is waited for. */
  private offline = false;
  private readonly clock: Clock;
  /** Aborts when it ends. */
  private readonly over = new AbortController();

  /** Made by `connect`. */
  constructor(private readonly options: ConnectOptions) {
    this.clock = options.clock ?? systemClock;
    const { clock } = this;
    const send = (message: object) => this.link?.send(message);
    this.stream = new Stream(options.since);
    this.pings = new Pings(clock, send);
    this.requests = new Requests({
      clock,
      send,
      onRenewed: (lobby) => {
        // What happened in the player's own lobbies was replayed.
        if (this.lobbies.has(lobby) && this.lobbiesBefore.has(lobby)) return;
        this.listeners.tell('gap', { code: 'RESUBSCRIBED', lobby });
      },
      onError: this.report,
    });
    const { signal } = options;
    const until = { signal: this.over.signal };
    const abort = () => this.close();
    signal?.addEventListener('abort', abort, until);
    // Browsers tell when there is a network again.
    (globalThis as Partial<EventTarget>).addEventListener?.(
      'online',
      () => {
        if (!this.offline) return;
        this.stopRetry?.();
        this.dial();
      },
      until,
    );
    // Later: whoever has just called `connect` listens first.
    queueMicrotask(() => {
      if (signal?.aborted) abort();
      if (this.current === 'closed') return;
      this.become({ state: 'connecting' });
      this.dial();
    });
  }

  /** What the connection is doing right now; `on('state')` tells of every change. */
  get state(): State {
    return this.current;
  }

  /**
   * Where to go on another time, as `since`: after the last event that was handed to listeners and iterators.
   * Undefined until the first connection.
   */
  get cursor(): string | undefined {
    return this.stream.cursor;
  }

  /** Listens to events by type, by family or, as `event`, to all; or to the client itself. Returns what ends it. */
  on<Name extends keyof EventMap<M> & string>(
    name: Name,
    listener: (value: EventMap<M>[Name]) => unknown,
  ): () => void {
    return this.listeners.add(name, listener);
  }

  /** Events from now on; those not taken yet are kept. Ends with the client, and throws if that was refused. */
  [Symbol.asyncIterator](): AsyncGenerator<M['data'], void, undefined> {
    return this.stream.iterate();
  }

  /**
   * Resolves when the lobby's events come; they go on coming after reconnects. Rejects with a `ClientError`, whose
   * `code` is the server's, or `CLOSED`.
   * @param lobby its UUID or its code
   */
  async subscribe(lobby: string): Promise<void> {
    if (this.current === 'closed') throw new ClientError('CLOSED', closedText, lobby);
    return this.requests.ask('subscribe', lobby);
  }

  /** Resolves when the lobby's events no longer come. */
  async unsubscribe(lobby: string): Promise<void> {
    if (this.current !== 'closed') return this.requests.ask('unsubscribe', lobby);
  }

  /**
   * The way to the server and back, in milliseconds. Rejects with `DISCONNECTED` when the connection is not open, and
   * with `RATE_LIMITED` when the server was sent too much to answer.
   */
  async ping(): Promise<number> {
    return this.pings.ping(this.current === 'open');
  }

  /** Ends it for good; what waits for an answer is rejected with `CLOSED`. */
  close(): void {
    this.end(closeCodes.normal, closedText);
  }

  private become(change: StateChange): void {
    this.current = change.state;
    this.listeners.tell('state', change);
  }

  private dial(): void {
    const { heartbeatMs = 25_000, timeoutMs = 15_000 } = this.options;
    const url = new URL(this.options.url.replace(/^http/, 'ws'));
    const since = this.stream.received;
    this.offline = false;
    this.resuming = since !== undefined;
    if (since === undefined) url.searchParams.set('resume', '1');
    else url.searchParams.set('since', since);
    this.openedAt = undefined;
    this.link = new Link({
      ...this.options,
      url: url.href,
      heartbeatMs,
      timeoutMs,
      clock: this.clock,
      onFrame: (frame) => this.receive(frame),
      onLost: (code, reason) => this.lost(code, reason),
      report: this.report,
    });
  }

  private lost(code: number, reason: string): void {
    this.link = undefined;
    this.pings.lost();
    this.requests.lost();
    // What was asked for was too big, and would be so on every connection to come.
    if (code === closeCodes.tooBig) this.requests.close('DISCONNECTED', 'The connection was lost');
    if (code === closeCodes.normal) return this.end(code, reason);
    if (code === closeCodes.unauthorized) {
      // A fresh token was refused too: another one will not help.
      if (this.refused) return this.end(code, reason, new ClientError('AUTH_ERROR', 'Authentication failed'));
      this.refused = true;
    }
    const held = this.openedAt !== undefined && this.clock.now() - this.openedAt >= stableMs;
    if (held || code === closeCodes.restarting) this.failures = 0;
    const { minMs = 250, maxMs = 20_000 } = this.options.backoff ?? {};
    const wait = delayMs(code, this.failures++, this.clock.random(), { minMs, maxMs });
    this.offline = code === closeCodes.abnormal;
    this.stopRetry = this.clock.after(wait, () => this.dial());
    this.become({ state: 'reconnecting', code, reason, delayMs: wait });
  }

  private end(code: number, reason: string, error?: ClientError): void {
    if (this.current === 'closed') return;
    this.over.abort();
    this.offline = false;
    this.stopRetry?.();
    this.link?.end();
    this.link = undefined;
    this.pings.lost();
    this.requests.close(error?.code ?? 'CLOSED', error?.message ?? closedText);
    this.stream.end(error);
    this.become({ state: 'closed', code, reason });
  }

  private receive({ type, data, id }: Frame): void {
    if (id !== undefined && this.repeats(id)) return;
    if (type === 'error') this.receiveError(data as ErrorData);
    else if (id !== undefined) this.receiveEvent(type, data as M['data']);
    else if (type === 'connected') this.receiveConnected(data as Connected);
    else if (type === 'ack') this.requests.succeeded((data as { id: unknown }).id);
    else if (type === 'pong') this.pings.answered((data as { id?: unknown }).id);
    else this.listeners.tell('message', { type, data });
  }

  private repeats(id: string): boolean {
    if (this.seen.has(id)) return true;
    this.stream.advance(id);
    this.seen.add(id);
    const [oldest] = this.seen;
    if (this.seen.size > remembered && oldest !== undefined) this.seen.delete(oldest);
    return false;
  }

  private receiveEvent(family: string, event: M['data']): void {
    this.stream.push(event);
    if (family === 'lobby:event') this.follow(event as unknown as LobbyEvent);
    for (const name of [event.type, family, 'event']) this.listeners.tell(name, event);
  }

  /** Who leaves a lobby no longer has a subscription to it; nobody has to one that is gone. */
  private follow({ type, lobbyId, lobbyCode, payload }: LobbyEvent): void {
    const own = payload.playerId === this.playerId;
    for (const lobby of [lobbyId, lobbyCode]) {
      if (own && type === 'lobby.joined') this.lobbies.add(lobby);
      if (type === 'lobby.deleted' || (own && type === 'lobby.left')) {
        this.lobbies.delete(lobby);
        this.requests.forget(lobby);
      }
    }
  }

  private receiveConnected(data: Connected): void {
    this.openedAt = this.clock.now();
    this.refused = false;
    this.gapTold = this.resuming && !data.recovered;
    this.stream.advance(data.cursor);
    this.playerId = data.playerId;
    this.lobbiesBefore = this.lobbies;
    this.lobbies = new Set(data.lobbies.flatMap(({ lobbyId, lobbyCode }) => [lobbyId, lobbyCode]));
    // Left meanwhile: the event is about to come, or is lost.
    for (const lobby of this.lobbiesBefore) if (!this.lobbies.has(lobby)) this.requests.forget(lobby);
    const { link } = this;
    link?.open(data.timestamp);
    this.become({ state: 'open' });
    this.listeners.tell('connected', data);
    if (this.gapTold) this.listeners.tell('gap', { code: 'RESUME_FAILED' });
    // A listener may have closed the client.
    if (link && link === this.link) this.requests.opened();
  }

  private receiveError({ code, message, id }: ErrorData): void {
    if (code === 'RESYNC_REQUIRED') this.listeners.tell('gap', { code });
    else if (code === 'RESUME_FAILED') {
      // `connected` has just said it, except when the replay broke off.
      if (!this.gapTold) this.listeners.tell('gap', { code });
      this.gapTold = false;
    } else if (!this.requests.failed(id, code, message)) {
      if (code === 'RATE_LIMITED') {
        this.requests.refused();
        this.pings.lost(code);
      }
      if (!ending.test(code)) this.report(new ClientError(code, message));
    }
  }
}
