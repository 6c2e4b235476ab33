/** One connection, from asking for a token to its end: notices silence, and replaces the token in time. */
import type { Clock } from './clock.js';
import { webSocketOf, type WebSocketConstructor, type WebSocketLike } from './socket.js';
import { expiryOf, refreshDelayMs } from './token.js';

/** A message of the server's. */
export interface Frame {
  readonly type: string;
  readonly data: unknown;
  /** Events have one, and errors that stand for an event. */
  readonly id?: string;
}

export interface LinkOptions {
  readonly url: string;
  readonly token: () => Promise<string> | string;
  readonly WebSocket?: WebSocketConstructor | undefined;
  readonly heartbeatMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly onFrame: (frame: Frame) => void;
  /** Called once, unless `end` comes first. */
  readonly onLost: (code: number, reason: string) => void;
  readonly report: (error: unknown) => void;
}

/** What a browser says when a connection ends without a word. */
const abnormal = 1006;

export class Link {
  private socket: WebSocketLike | undefined;
  private over = false;
  private heardAt = 0;
  private token: string | undefined;
  /** How far the server's clock is ahead. */
  private skewMs = 0;
  private stopWatch: () => void;
  private stopRefresh: (() => void) | undefined;

  constructor(private readonly options: LinkOptions) {
    this.stopWatch = this.giveUpLater();
    this.dial().catch((error: unknown) => {
      if (this.over) return;
      options.report(error);
      this.lost(abnormal, 'not connected');
    });
  }

  send(message: object): void {
    this.socket?.send(JSON.stringify(message));
  }

  /** The server has said `connected`, at this time of its clock. */
  open(timestamp: string): void {
    const { clock, heartbeatMs } = this.options;
    this.skewMs = Date.parse(timestamp) - clock.now() || 0;
    this.stopWatch();
    this.stopWatch = clock.after(heartbeatMs, () => this.beat());
    this.planRefresh();
  }

  /** Closes it; nothing is told any more. */
  end(code = 1000): void {
    this.over = true;
    this.stopWatch();
    this.stopRefresh?.();
    this.socket?.close(code);
  }

  private async dial(): Promise<void> {
    const token = await this.options.token();
    if (this.over) return;
    this.token = token;
    // The token is not in the URL: proxies write that down.
    const WebSocket = webSocketOf(this.options.WebSocket);
    const socket = new WebSocket(this.options.url, ['hashi', `bearer.${token}`]);
    this.socket = socket;
    socket.addEventListener('message', ({ data }) => this.receive(data));
    socket.addEventListener('close', ({ code, reason }) => this.lost(code, reason));
    // "close" follows.
    socket.addEventListener('error', () => undefined);
  }

  private receive(data: unknown): void {
    if (this.over) return;
    this.heardAt = this.options.clock.now();
    try {
      this.options.onFrame(JSON.parse(String(data)) as Frame);
    } catch (error) {
      // Not what this server sends; the next message may be.
      this.options.report(error);
    }
  }

  private lost(code: number, reason: string): void {
    if (this.over) return;
    this.end();
    this.options.onLost(code, reason);
  }

  private giveUpLater(): () => void {
    // A half-open connection would take minutes to close: it is not waited for.
    return this.options.clock.after(this.options.timeoutMs, () => this.lost(abnormal, 'timeout'));
  }

  /** Asks for a sign of life when there has been none. */
  private beat(): void {
    const { clock, heartbeatMs } = this.options;
    const askedAt = clock.now();
    const silentMs = askedAt - this.heardAt;
    if (silentMs < heartbeatMs) {
      this.stopWatch = clock.after(heartbeatMs - silentMs, () => this.beat());
      return;
    }
    this.send({ type: 'ping' });
    this.stopWatch = clock.after(this.options.timeoutMs, () => {
      if (this.heardAt < askedAt) this.lost(abnormal, 'timeout');
      else this.beat();
    });
  }

  private planRefresh(): void {
    const { clock, report, timeoutMs } = this.options;
    this.stopRefresh?.();
    const expiresAt = expiryOf(this.token ?? '');
    if (expiresAt === undefined) return;
    this.stopRefresh = clock.after(refreshDelayMs(expiresAt, clock.now() + this.skewMs), () => {
      // Whoever gives tokens may never answer: then it is asked again.
      this.stopRefresh = clock.after(timeoutMs, () => this.planRefresh());
      this.refresh().catch((error: unknown) => {
        if (this.over) return;
        report(error);
        this.planRefresh();
      });
    });
  }

  private async refresh(): Promise<void> {
    const token = await this.options.token();
    if (this.over) return;
    if (token !== this.token) this.send({ type: 'auth', data: { token } });
    this.token = token;
    this.planRefresh();
  }
}
