/** What the program asks of the server, until it is answered: on this connection or on a later one. */
import type { Clock } from './clock.js';
import { ClientError, type ClientErrorCode } from './error.js';

type Action = 'subscribe' | 'unsubscribe';

interface Request {
  readonly action: Action;
  readonly lobby: string;
  /** Absent when nobody waits for it: a renewal. */
  readonly resolve?: () => void;
  readonly reject: (error: ClientError) => void;
}

export interface RequestsOptions {
  readonly clock: Clock;
  readonly send: (message: object) => void;
  /** A subscription is held again after a reconnect. */
  readonly onRenewed: (lobby: string) => void;
  readonly onError: (error: ClientError) => void;
}

/** Below the server's default limits, so that renewing many subscriptions is never refused. */
const burst = 30;
const everyMs = 100;
const afterRefusalMs = 5000;

export class Requests {
  private readonly pending = new Map<number, Request>();
  /** Lobbies subscribed to on this connection. */
  private readonly held = new Set<string>();
  /** Those of the connection before, to be renewed. */
  private readonly lapsed = new Set<string>();
  private due: number[] = [];
  private budget = burst;
  private budgetAt = 0;
  private open = false;
  private stopTimer: (() => void) | undefined;
  private lastId = 0;

  constructor(private readonly options: RequestsOptions) {}

  ask(action: Action, lobby: string): Promise<void> {
    if (action === 'unsubscribe') this.forget(lobby);
    return new Promise((resolve, reject) => this.add({ action, lobby, resolve, reject }));
  }

  /** A connection is ready: what is unanswered is asked again, in order, then what has lapsed. */
  opened(): void {
    this.open = true;
    this.budget = burst;
    this.budgetAt = this.options.clock.now();
    this.due = [...this.pending.keys()];
    const asked = new Set([...this.pending.values()].map(({ lobby }) => lobby));
    for (const lobby of this.lapsed) {
      if (asked.has(lobby)) continue;
      this.add({ action: 'subscribe', lobby, reject: this.options.onError });
    }
    this.pump();
  }

  lost(): void {
    this.open = false;
    this.stopTimer?.();
    this.stopTimer = undefined;
    for (const lobby of this.held) this.lapsed.add(lobby);
    this.held.clear();
  }

  succeeded(id: unknown): void {
    const request = this.take(id);
    if (!request) return;
    const { action, lobby } = request;
    if (action === 'unsubscribe') this.forget(lobby);
    else {
      this.held.add(lobby);
      if (this.lapsed.delete(lobby)) this.options.onRenewed(lobby);
    }
    request.resolve?.();
  }

  /** Returns false when the error answers no request. */
  failed(id: unknown, code: ClientErrorCode, message: string): boolean {
    const request = this.take(id);
    if (!request) return false;
    // The connection ends with an internal error, and the next one renews again.
    if (request.resolve || code !== 'INTERNAL_ERROR') this.forget(request.lobby);
    request.reject(new ClientError(code, message, request.lobby));
    return true;
  }

  /** The server did not read some of it: slower now, and all again. */
  refused(): void {
    this.due = [...this.pending.keys()];
    this.budget = -afterRefusalMs / everyMs;
    this.pump();
  }

  /** The lobby's events are no longer asked for. */
  forget(lobby: string): void {
    this.held.delete(lobby);
    this.lapsed.delete(lobby);
  }

  /** Nothing will be answered any more. What was to be unsubscribed from is. */
  close(code: ClientErrorCode, message: string): void {
    this.lost();
    for (const { action, lobby, resolve, reject } of this.pending.values()) {
      if (action === 'unsubscribe') resolve?.();
      else if (resolve) reject(new ClientError(code, message, lobby));
    }
    this.pending.clear();
  }

  private take(id: unknown): Request | undefined {
    if (typeof id !== 'number') return undefined;
    const request = this.pending.get(id);
    this.pending.delete(id);
    return request;
  }

  private add(request: Request): void {
    const id = ++this.lastId;
    this.pending.set(id, request);
    if (!this.open) return;
    this.due.push(id);
    this.pump();
  }

  private pump(): void {
    const { clock, send } = this.options;
    const now = clock.now();
    this.budget = Math.min(burst, this.budget + (now - this.budgetAt) / everyMs);
    this.budgetAt = now;
    while (this.due.length > 0 && this.budget >= 1) {
      const id = this.due.shift() ?? 0;
      const request = this.pending.get(id);
      if (!request) continue;
      this.budget--;
      send({ type: request.action, id, data: { lobbyId: request.lobby } });
    }
    if (this.due.length === 0 || this.stopTimer) return;
    this.stopTimer = clock.after(everyMs, () => {
      this.stopTimer = undefined;
      this.pump();
    });
  }
}
