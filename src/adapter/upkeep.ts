/** What an idle process does now and then: shows that it is alive, forgets who is not, lets the log grow old. */
import { LineLostError, type Line } from './line.js';
import type { Settings } from './options.js';

export interface UpkeepOptions {
  readonly settings: Settings;
  readonly line: Line;
  /** Process ▶ when it was heard of last. */
  readonly peers: Map<string, number>;
  readonly sayAlive: () => void;
  readonly onError: (error: Error) => void;
}

const rotateMs = 300_000;

export class Upkeep {
  private heartbeat: NodeJS.Timeout | undefined;
  private rotation: NodeJS.Timeout | undefined;

  constructor(private readonly options: UpkeepOptions) {}

  start(): void {
    const { settings, peers, sayAlive } = this.options;
    this.heartbeat = setInterval(() => {
      for (const [peer, at] of peers) {
        if (Date.now() - at > settings.heartbeatTimeout) peers.delete(peer);
      }
      // Who comes later says so, and is answered: alone there is nobody to tell.
      if (peers.size > 0) sayAlive();
    }, settings.heartbeatInterval);
    if (settings.retentionHours === Number.POSITIVE_INFINITY) return;
    this.rotation = setInterval(() => this.rotate(), rotateMs);
    this.rotate();
  }

  stop(): void {
    clearInterval(this.heartbeat);
    clearInterval(this.rotation);
  }

  private rotate(): void {
    const { line, settings, onError } = this.options;
    line
      .query("select realtime.adapter_rotate($1 * interval '1 hour', $2)", [
        settings.retentionHours,
        settings.retentionEvents,
      ])
      .catch((error: unknown) => {
        if (!(error instanceof LineLostError)) onError(error as Error);
      });
  }
}
