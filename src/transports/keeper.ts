/** Looks after open connections: pings raw ones and ends the silent, ends those whose token has run out. */
import type { Connection } from './connection.js';
import type { RawEngine } from './raw-engine.js';

export interface KeeperOptions {
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  /** How long after its end a token is still good, in milliseconds: clocks differ. */
  readonly leewayMs: number;
  /** The raw ones that are open. */
  readonly engines: () => Iterable<RawEngine>;
  readonly connections: () => Iterable<Connection>;
  readonly now?: () => number;
}

/** Tokens are looked at this often: a second late is in time. */
const tokenCheckMs = 1000;

export class Keeper {
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
  }

  private beat(): void {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.options;
    const now = performance.now();
    for (const engine of this.options.engines()) {
      const { ws, heardAt, pingedAt } = engine;
      if (pingedAt > heardAt) {
        if (now >= pingedAt + heartbeatTimeoutMs) ws.terminate();
      } else if (now >= heardAt + heartbeatIntervalMs) {
        engine.pingedAt = now;
        if (ws.readyState === ws.OPEN) ws.ping();
      }
    }
  }

  private checkTokens(): void {
    const end = (this.options.now ?? Date.now)() - this.options.leewayMs;
    for (const connection of this.options.connections()) {
      if (connection.expiresAt <= end) connection.fail('TOKEN_EXPIRED');
    }
  }
}
