/** Who may open a connection at all, before anything is known of the player: origin, address, room for one more. */
import type { IncomingMessage } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { SharedPlaces } from '../workers/places.js';
import { shared } from './spare.js';

/** Why somebody was not let in; labels of a metric. */
export const refusals = [
  'origin',
  'draining',
  'instance',
  'address',
  'sockets',
  // Requests that took too long, or were none.
  'slow',
  'malformed',
  // More of them on one connection than anybody waits for.
  'pipelined',
  // Let in by its transport, and never asked to be let in by Socket.IO.
  'silent',
] as const;
export type Refusal = (typeof refusals)[number];

export interface GateOptions {
  /** Exact origins; `*` any; empty: the server's own. */
  readonly allowedOrigins: readonly string[];
  /** How many proxies in front are believed in X-Forwarded-For. */
  readonly trustedProxies: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxConnections: number;
  /** Where the connections of all workers of this port are counted; absent: there is this process alone. */
  readonly places?: SharedPlaces | undefined;
  readonly onRefused?: (why: Refusal) => void;
}

export interface Refused {
  readonly ok: false;
  readonly status: 403 | 429 | 503;
  readonly reason: string;
}
export type Verdict = { readonly ok: true } | Refused;
/** A connection that has been counted, until `leave` is called. */
export type Admittance = { readonly ok: true; readonly leave: () => void } | Refused;

const allowed: Verdict = { ok: true };
const everybody = 'instance';

/** A polling client holds two sockets at a time, and a refused one holds its own until it has been told. */
const socketsAConnection = 2;
const spareSockets = 32;

/** Where a socket's address is found: a listener of its own for each would take 100 bytes. */
const network = Symbol('network');
type Counted = Socket & { [network]?: string };

export class Gate {
  private readonly byAddress = new Map<string, number>();
  private readonly socketsByAddress = new Map<string, number>();
  private total = 0;
  private totalSockets = 0;
  /** While draining nobody new comes in. */
  closed = false;

  private readonly onSocketClose: (this: Counted) => void;

  constructor(private readonly options: GateOptions) {
    const leave = (address: string) => {
      this.totalSockets--;
      takeOne(this.socketsByAddress, address);
    };
    this.onSocketClose = function () {
      leave(this[network] ?? '');
    };
  }

  /** A client that sends no Origin is no browser, and passes. */
  originAllowed(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    const { allowedOrigins } = this.options;
    if (origin === undefined || allowedOrigins.includes('*')) return true;
    if (allowedOrigins.includes(origin)) return true;
    return allowedOrigins.length === 0 && URL.canParse(origin) && new URL(origin).host === host;
  }

  /** @param known the request belongs to a connection that is open and counted already */
  check(request: IncomingMessage, known = false): Verdict {
    const { maxConnections, maxConnectionsPerAddress } = this.options;
    if (!this.originAllowed(request)) return this.refuse('origin', 403, 'Origin not allowed');
    if (known) return allowed;
    if (this.closed) return this.draining();
    if (this.total >= maxConnections) return this.instanceFull();
    const open = this.byAddress.get(this.addressOf(request)) ?? 0;
    return open >= maxConnectionsPerAddress ? this.addressFull() : allowed;
  }

  private draining(): Refused {
    return this.refuse('draining', 503, 'Restarting');
  }

  private instanceFull(): Refused {
    return this.refuse('instance', 503, 'Too many connections');
  }

  private addressFull(): Refused {
    return this.refuse('address', 429, 'Too many connections from this address');
  }

  /** Counts somebody whom another part has refused. */
  note(why: Refusal): void {
    this.options.onRefused?.(why);
  }

  private refuse(why: Refusal, status: 403 | 429 | 503, reason: string): Refused {
    this.options.onRefused?.(why);
    return { ok: false, status, reason };
  }

  /**
   * Counts a TCP connection, from before its first byte, and says whether it may stay. Those over the limits of
   * connections are to be told so by HTTP, so there is room for more sockets than connections; but somebody who opens
   * sockets and says nothing is not to take all there are. Behind proxies every socket is the proxy's.
   */
  admitSocket(socket: Socket): boolean {
    const { maxConnections, maxConnectionsPerAddress, trustedProxies } = this.options;
    const address = shared(networkOf(socket.remoteAddress ?? 'unknown'));
    const open = this.socketsByAddress.get(address) ?? 0;
    const most = (limit: number) => limit * socketsAConnection + spareSockets;
    if (
      this.totalSockets >= most(maxConnections) ||
      (trustedProxies === 0 && open >= most(maxConnectionsPerAddress))
    ) {
      this.options.onRefused?.('sockets');
      return false;
    }
    this.totalSockets++;
    this.socketsByAddress.set(address, open + 1);
    // Here and wherever a connection is long: `once` would keep a wrapper for each of them, of 200 bytes, and it closes once anyway.
    (socket as Counted)[network] = address;
    socket.on('close', this.onSocketClose);
    return true;
  }

  /** The client's address: behind proxies, the one that the outermost trusted proxy has seen. */
  addressOf(request: IncomingMessage): string {
    return networkOf(this.reportedAddress(request));
  }

  private reportedAddress(request: IncomingMessage): string {
    const peer = request.socket.remoteAddress ?? 'unknown';
    const hops = this.options.trustedProxies;
    if (hops === 0) return peer;
    const forwarded = request.headers['x-forwarded-for'];
    const list = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? ''))
      .split(',')
      .map((part) => part.trim());
    return withoutPort(list.at(-hops) || list[0] || peer);
  }

  /**
   * Checks a new connection and counts it, from before it is open: of a thousand that come at once each finds a place,
   * or none. Tells at once, or among workers when the primary has answered.
   */
  admit(request: IncomingMessage, tell: (admittance: Admittance) => void): void {
    const verdict = this.check(request);
    if (!verdict.ok) return tell(verdict);
    const address = this.addressOf(request);
    const leave = this.enter(address);
    const { places, maxConnections, maxConnectionsPerAddress } = this.options;
    if (!places) return tell({ ok: true, leave });
    const wanted = [
      { name: everybody, most: maxConnections },
      { name: `address ${address}`, most: maxConnectionsPerAddress },
    ];
    void places.take({ places: wanted }).then((taken) => {
      const leaveAll = () => {
        leave();
        if ('leave' in taken) taken.leave();
      };
      if ('leave' in taken && !this.closed) return tell({ ok: true, leave: leaveAll });
      leaveAll();
      if ('leave' in taken) return tell(this.draining());
      tell(taken.full === everybody ? this.instanceFull() : this.addressFull());
    });
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
      takeOne(this.byAddress, address);
    };
  }
}

function takeOne(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left === 0) counts.delete(key);
  else counts.set(key, left);
}

/** Some proxies report the port as well, which is another one for every connection: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(address: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
}

/** What counts as one address: with IPv6 the /64, for whoever has one address there has all of them. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  const plain = address.split('%', 1)[0] ?? '';
  if (!isIPv6(plain)) return address;
  const [head = '', tail] = plain.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 part at the end stands for two groups.
  const missing = 8 - groups.length - rest.length - (rest.at(-1)?.includes('.') ? 1 : 0);
  const all =
    tail === undefined ? groups : [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...rest];
  const numbers = all.map((group) => Number.parseInt(group, 16));
  const [high = 0, low = 0] = numbers.slice(6);
  // An IPv4 address in hexadecimal: they would all be in one network.
  if (numbers.slice(0, 6).join() === '0,0,0,0,0,65535' && !all.at(-1)?.includes('.'))
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  return `${numbers
    .slice(0, 4)
    .map((number) => number.toString(16))
    .join(':')}::/64`;
}
