/** Round trips that are being measured. */
import type { Clock } from './clock.js';
import { ClientError, type ClientErrorCode } from './error.js';

export class Pings {
  /** By id: ends one, well or with a code. */
  private readonly pending = new Map<unknown, (code?: ClientErrorCode) => void>();
  private lastId = 0;

  constructor(
    private readonly clock: Clock,
    private readonly send: (message: object) => void,
  ) {}

  ping(connected: boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const sentAt = this.clock.now();
      const id = `ping-${++this.lastId}`;
      this.pending.set(id, (code) => {
        if (code) reject(new ClientError(code, 'Ping not answered'));
        else resolve(this.clock.now() - sentAt);
      });
      if (connected) this.send({ type: 'ping', id });
      else this.lost();
    });
  }

  answered(id: unknown): void {
    this.pending.get(id)?.();
    this.pending.delete(id);
  }

  /** They will not be answered: a pong of another connection would say nothing. */
  lost(code: ClientErrorCode = 'DISCONNECTED'): void {
    for (const end of this.pending.values()) end(code);
    this.pending.clear();
  }
}
