/** Who may open a connection at all, before anything is known of the player: origin, address, room for one more. */
import type { IncomingMessage } from 'node:http';

export interface GateOptions {
  /** Exact origins; `*` any; empty: the server's own. */
  readonly allowedOrigins: readonly string[];
  /** How many proxies in front are believed in X-Forwarded-For. */
  readonly trustedProxies: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxConnections: number;
}

export type Verdict =
  { readonly ok: true } | { readonly ok: false; readonly status: 403 | 429 | 503; readonly reason: string };

const allowed: Verdict = { ok: true };

export class Gate {
  private readonly byAddress = new Map<string, number>();
  private total = 0;
  /** While draining nobody new comes in. */
  closed = false;

  constructor(private readonly options: GateOptions) {}

  /** A client that sends no Origin is no browser, and passes. */
  originAllowed(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    const { allowedOrigins } = this.options;
    if (origin === undefined || allowedOrigins.includes('*')) return true;
    if (allowedOrigins.includes(origin)) return true;
    return allowedOrigins.length === 0 && URL.canParse(origin) && new URL(origin).host === host;
  }

  check(request: IncomingMessage): Verdict {
    if (!this.originAllowed(request)) return { ok: false, status: 403, reason: 'Origin not allowed' };
    if (this.closed) return { ok: false, status: 503, reason: 'Restarting' };
    if (this.total >= this.options.maxConnections)
      return { ok: false, status: 503, reason: 'Too many connections' };
    const open = this.byAddress.get(this.addressOf(request)) ?? 0;
    if (open >= this.options.maxConnectionsPerAddress) {
      return { ok: false, status: 429, reason: 'Too many connections from this address' };
    }
    return allowed;
  }

  /** The client's address: behind proxies, the one that the outermost trusted proxy has seen. */
  addressOf(request: IncomingMessage): string {
    const peer = request.socket.remoteAddress ?? 'unknown';
    const hops = this.options.trustedProxies;
    if (hops === 0) return peer;
    const forwarded = request.headers['x-forwarded-for'];
    const list = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? ''))
      .split(',')
      .map((part) => part.trim());
    return list.at(-hops) || list[0] || peer;
  }

  /** Counts a connection until the returned function is called. */
  enter(address: string): () => void {
    this.total++;
    this.byAddress.set(address, (this.byAddress.get(address) ?? 0) + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.total--;
      const left = (this.byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.byAddress.delete(address);
      else this.byAddress.set(address, left);
    };
  }
}
