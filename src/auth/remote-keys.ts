/**
 * Keeps the key set of a key server (JWKS): fetched when needed, held while the server is away.
 *
 * However many clients come, the server is asked a bounded number of times: one request at a time; after a failure
 * not before a growing pause is over; for an unknown key at most once in a cooldown.
 */
import { ProtocolError } from '../errors.js';
import { fetchKeySet, type Fetch } from './key-set.js';
import { chooseKey, type Algorithm, type KeySource, type TokenHeader, type VerificationKey } from './keys.js';
import { refused } from './refusal.js';

export interface RemoteKeysOptions {
  readonly url: URL;
  readonly algorithms: readonly Algorithm[];
  /** Below the 5 s that a client has to authenticate: it then hears AUTH_UNAVAILABLE and knows to come back. */
  readonly timeoutMs?: number;
  /** A set older than this is fetched again, while it goes on being used. */
  readonly refreshAfterMs?: number;
  /** Requests made only because a token names an unknown key are at least this far apart. */
  readonly unknownKeyCooldownMs?: number;
  /** The pause after a first failure; it doubles up to the cooldown. */
  readonly firstPauseMs?: number;
  /** How long the last good set is trusted while the server is away. */
  readonly keepForMs?: number;
  readonly fetch?: Fetch;
  /** A clock in milliseconds that never goes back, `performance.now` by default. */
  readonly now?: () => number;
  /** Told once for every failed request, so that it can be logged. */
  readonly onError?: (error: Error) => void;
}

interface HeldSet {
  readonly keys: readonly VerificationKey[];
  readonly fetchedAt: number;
}

export function createRemoteKeys(options: RemoteKeysOptions): KeySource {
  return new RemoteKeys(options);
}

class RemoteKeys implements KeySource {
  lastError: Error | undefined;

  private readonly options: Required<RemoteKeysOptions>;
  private stopped = false;
  /** Ends the request under way. */
  private giveUp: AbortController | undefined;
  private held: HeldSet | undefined;
  private underWay: Promise<void> | undefined;
  private failures = 0;
  private pausedUntil = -Infinity;
  private unknownKeyAllowedAt = -Infinity;

  constructor(options: RemoteKeysOptions) {
    this.options = {
      timeoutMs: 4_000,
      refreshAfterMs: 10 * 60_000,
      unknownKeyCooldownMs: 30_000,
      firstPauseMs: 1_000,
      keepForMs: 24 * 3_600_000,
      fetch: globalThis.fetch,
      now: () => performance.now(),
      onError: () => {},
      ...options,
    };
  }

  start(): void {
    void this.refresh();
  }

  stop(): void {
    this.stopped = true;
    this.giveUp?.abort();
  }

  async getKey(header: TokenHeader): Promise<VerificationKey['key']> {
    const known = this.find(header);
    if (known !== undefined) {
      if (this.age() < this.options.refreshAfterMs) return known;
      const refreshing = this.refresh();
      // Nobody waits while the server is away. But a set left over from an idle night may hold a key that has been
      // withdrawn since: the first client of the morning waits for the new one.
      if (this.failures > 0 || this.age() < 2 * this.options.refreshAfterMs) return known;
      await refreshing;
    } else if (this.mayAskForUnknown()) {
      await this.refresh();
    }

    const key = this.find(header);
    if (key !== undefined) return key;
    if (this.failures === 0 && this.held !== undefined) throw refused('unknown-key');
    throw new ProtocolError('AUTH_UNAVAILABLE', { cause: this.lastError });
  }

  private find(header: TokenHeader): VerificationKey['key'] | undefined {
    if (this.held === undefined || this.age() >= this.options.keepForMs) return undefined;
    return chooseKey(this.held.keys, header);
  }

  private age(): number {
    return this.held === undefined ? Infinity : this.options.now() - this.held.fetchedAt;
  }

  /** The first set is no answer to an unknown key: what rotates right after the start is found at once. */
  private mayAskForUnknown(): boolean {
    if (this.underWay !== undefined || this.failures > 0) return true;
    if (this.age() >= this.options.refreshAfterMs) return true;
    const now = this.options.now();
    if (now < this.unknownKeyAllowedAt) return false;
    this.unknownKeyAllowedAt = now + this.options.unknownKeyCooldownMs;
    return true;
  }

  /** Joins the request under way or makes one, unless failures have called for a pause; never rejects. */
  private refresh(): Promise<void> {
    if (this.underWay !== undefined) return this.underWay;
    if (this.stopped) return Promise.resolve();
    if (this.options.now() < this.pausedUntil) return Promise.resolve();
    this.underWay = this.load().finally(() => (this.underWay = undefined));
    return this.underWay;
  }

  private async load(): Promise<void> {
    const { url, algorithms, timeoutMs, fetch, now } = this.options;
    // A timer of our own: one of AbortSignal.timeout that only AbortSignal.any refers to can be collected, and never fires.
    const giveUp = (this.giveUp = new AbortController());
    const timer = setTimeout(
      () => giveUp.abort(new Error(`timeout after ${timeoutMs} ms`)),
      timeoutMs,
    ).unref();
    try {
      const keys = await fetchKeySet(url, algorithms, fetch, giveUp.signal);
      this.held = { keys, fetchedAt: now() };
      this.failures = 0;
      this.lastError = undefined;
    } catch (error) {
      if (this.stopped) return;
      this.failed(error instanceof Error ? error : new Error('The key server failed', { cause: error }));
    } finally {
      clearTimeout(timer);
    }
  }

  private failed(error: Error): void {
    const { firstPauseMs, unknownKeyCooldownMs, now, onError } = this.options;
    this.lastError = error;
    this.pausedUntil = now() + Math.min(firstPauseMs * 2 ** this.failures, unknownKeyCooldownMs);
    this.failures += 1;
    onError(error);
  }
}
