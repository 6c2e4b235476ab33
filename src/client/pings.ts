/** Round trips that are being measured. */
import type { Clock } from './clock.js';
import { ClientError } from './error.js';

interface Ping {
  readonly sentAt: number;
  readonly resolve: (ms: number) => void;
  readonly reject: (error: Error) => void;
}

export class Pings {
  private readonly pending = new Map<unknown, Ping>();
  private lastId = 0;

  constructor(
    private readonly clock: Clock,
    private readonly send: (message: object) => void,
  ) {}

  ping(): Promise<number> {
    const id = `ping-${++this.lastId}`;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { sentAt: this.clock.now(), resolve, reject });
      this.send({ type: 'ping', id });
    });
  }

  answered(id: unknown): void {
    const ping = this.pending.get(id);
    this.pending.delete(id);
    ping?.resolve(this.clock.now() - ping.sentAt);
  }

  /** A pong of another connection would say nothing. */
  lost(): void {
    for (const { reject } of this.pending.values()) reject(notConnected());
    this.pending.clear();
  }
}

export const notConnected = () => new ClientError('DISCONNECTED', 'There is no connection to measure');
