/** Asks all other instances for their sockets. Who does not answer is named, and does not spoil the others' answers. */
import { randomBytes } from 'node:crypto';
import type { BroadcastOptions, ClusterResponse } from 'socket.io-adapter';
import type { MessageType } from './messages.js';

export interface SocketSearchOptions {
  /** The adapters of this namespace on other instances. */
  readonly peers: () => string[];
  readonly ask: (requestId: string, options: BroadcastOptions) => void;
  readonly onError: (error: Error) => void;
}

interface Search {
  readonly found: unknown[];
  readonly missing: Set<string>;
  readonly finish: () => void;
}

/** As in the stock adapter, unless the request says otherwise. */
const patienceMs = 5000;

export class SocketSearch {
  private readonly searches = new Map<string, Search>();

  constructor(private readonly options: SocketSearchOptions) {}

  find(options: BroadcastOptions): Promise<unknown[]> {
    const missing = new Set(this.options.peers());
    if (missing.size === 0) return Promise.resolve([]);
    const requestId = randomBytes(8).toString('hex');
    const waitMs = options.flags?.timeout ?? patienceMs;
    return new Promise((resolve) => {
      const found: unknown[] = [];
      const finish = () => {
        clearTimeout(timer);
        this.searches.delete(requestId);
        resolve(found);
      };
      const timer = setTimeout(() => {
        const silent = [...missing].join(', ');
        this.options.onError(
          new Error(
            `fetchSockets is incomplete: ${missing.size} did not answer within ${waitMs} ms (${silent})`,
          ),
        );
        finish();
      }, waitMs);
      this.searches.set(requestId, { found, missing, finish });
      this.options.ask(requestId, options);
    });
  }

  /** Returns whether it was an answer to one of these requests. */
  answer(response: ClusterResponse & { type: MessageType.FETCH_SOCKETS_RESPONSE }): boolean {
    const search = this.searches.get(response.data.requestId);
    if (!search) return false;
    if (search.missing.delete(response.uid)) search.found.push(...response.data.sockets);
    if (search.missing.size === 0) search.finish();
    return true;
  }

  /** An instance has gone: its sockets with it. */
  left(uid: string): void {
    for (const search of [...this.searches.values()]) {
      if (search.missing.delete(uid) && search.missing.size === 0) search.finish();
    }
  }

  close(): void {
    for (const search of [...this.searches.values()]) search.finish();
  }
}
