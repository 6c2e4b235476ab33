/** Looks after open connections: pings raw ones and ends the silent, ends those whose token has run out. */
import type { Connection } from './connection.js';
import type { RawEngine } from './raw-engine.js';

export interface KeeperOptions {
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  /** How long after its end a token is still good, in milliseconds: clocks differ. */
  readonly leewayMs: number;
  readonly connections: () => Iterable<Connection>;
  readonly now?: () => number;
}

interface Beat {
  readonly engine: RawEngine;
  /** When it is to be pinged next; with `waiting`, when it is given up. */
  dueAt: number;
  waiting: boolean;
}

/** Tokens are looked at this often: a second late is in time. */
const tokenCheckMs = 1000;

export class Keeper {
  private readonly beats = new Map<RawEngine, Beat>();
  private timers: NodeJS.Timeout[] = [];

  constructor(private readonly options: KeeperOptions) {}

  start(): void {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.options;
    // One timer for all connections; a tenth of the shorter time is exact enough.
    const step = Math.min(1000, Math.max(10, Math.min(heartbeatIntervalMs, heartbeatTimeoutMs) / 10));
    this.timers = [setInterval(() => this.beat(), step), setInterval(() => this.checkTokens(), tokenCheckMs)];
  }

  stop(): void {
    this.timers.forEach((timer) => clearInterval(timer));
    this.timers = [];
    this.beats.clear();
  }

  add(engine: RawEngine): void {
    const beat: Beat = {
      engine,
      dueAt: performance.now() + this.options.heartbeatIntervalMs,
      waiting: false,
    };
    this.beats.set(engine, beat);
    const alive = () => {
      beat.waiting = false;
      beat.dueAt = performance.now() + this.options.heartbeatIntervalMs;
    };
    engine.ws.on('pong', alive);
    engine.ws.on('message', alive);
    engine.ws.on('close', () => this.beats.delete(engine));
  }

  private beat(): void {
    const now = performance.now();
    for (const beat of this.beats.values()) {
      if (beat.dueAt > now) continue;
      if (beat.waiting) {
        beat.engine.ws.terminate();
        continue;
      }
      beat.waiting = true;
      beat.dueAt = now + this.options.heartbeatTimeoutMs;
      if (beat.engine.ws.readyState === beat.engine.ws.OPEN) beat.engine.ws.ping();
    }
  }

  private checkTokens(): void {
    const end = (this.options.now ?? Date.now)() - this.options.leewayMs;
    for (const connection of this.options.connections()) {
      if (connection.expiresAt <= end) connection.fail('TOKEN_EXPIRED');
    }
  }
}
