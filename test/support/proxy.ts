/** A TCP proxy that stands for the network in between, and does to connections what networks do. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

export interface TcpProxy {
  readonly port: number;
  /** A URL's host and port replaced by the proxy's. */
  through(url: string): string;
  /** Where new connections go from now on, as behind a load balancer. */
  retarget(url: string): void;
  /** Ends every connection, at once and for both sides. */
  cut(): void;
  /** Refuses new connections until `heal`. */
  refuse(): void;
  /**
   * Half-open: every byte of the connections there are vanishes for ever, and of those made until `heal`; neither
   * side is told.
   */
  blackhole(): void;
  /** Holds every byte back until `heal`. */
  freeze(): void;
  /** Each piece of data takes this long from now on, in milliseconds. */
  delay(delayMs: number): void;
  /** Bytes of clients that hold `from` hold `to`, which is as long, from now on. */
  rewrite(from: string, to: string): void;
  /** New connections work again, and what was held back flows; what vanished stays away. */
  heal(): void;
  /** Connections open now. */
  readonly connections: number;
  stop(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  lost: boolean;
}

export async function startProxy(targetUrl: string): Promise<TcpProxy> {
  let target = targetOf(targetUrl);
  let refusing = false;
  let losing = false;
  let frozen = false;
  let delayMs = 0;
  let rewriting: { readonly from: string; readonly to: string } | undefined;
  const pairs = new Set<Pair>();

  const forward = (pair: Pair, from: Socket, to: Socket) => {
    from.on('data', (received: Buffer) => {
      if (pair.lost) return;
      const data = from === pair.client && rewriting ? rewritten(received, rewriting) : received;
      const pass = () => {
        if (!pair.lost && to.writable && !to.write(data)) from.pause();
      };
      if (delayMs > 0) setTimeout(pass, delayMs);
      else pass();
    });
    to.on('drain', () => {
      if (!frozen) from.resume();
    });
    from.on('end', () => {
      if (!pair.lost) setTimeout(() => to.end(), delayMs);
    });
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (refusing) {
      client.on('error', () => client.destroy());
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...target, allowHalfOpen: true });
    const pair: Pair = { client, server: upstream, lost: losing };
    pairs.add(pair);
    const over = () => {
      pairs.delete(pair);
      if (pair.lost) return;
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', over);
      socket.on('close', over);
      if (frozen) socket.pause();
    }
    forward(pair, client, upstream);
    forward(pair, upstream, client);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  /** Lost pairs too: they hold sockets. */
  const all = new Set<Pair>();
  server.on('connection', () => {
    for (const pair of pairs) all.add(pair);
  });

  const cut = () => {
    for (const { client, server: upstream } of [...pairs, ...all]) {
      client.destroy();
      upstream.destroy();
    }
    pairs.clear();
    all.clear();
  };
  return {
    port,
    through(url) {
      const changed = new URL(url);
      changed.hostname = '127.0.0.1';
      changed.port = String(port);
      return changed.href.replace(/\/$/, '');
    },
    retarget: (url) => (target = targetOf(url)),
    cut,
    refuse: () => (refusing = true),
    blackhole() {
      losing = true;
      for (const pair of pairs) pair.lost = true;
    },
    freeze() {
      frozen = true;
      for (const { client, server: upstream } of pairs) {
        client.pause();
        upstream.pause();
      }
    },
    delay: (ms) => (delayMs = ms),
    rewrite: (original, replacement) => (rewriting = { from: original, to: replacement }),
    heal() {
      refusing = losing = frozen = false;
      rewriting = undefined;
      delayMs = 0;
      for (const pair of pairs) {
        if (pair.lost) continue;
        pair.client.resume();
        pair.server.resume();
      }
    },
    get connections() {
      return pairs.size;
    },
    async stop() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function targetOf(url: string): ProxyTarget {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 5432) };
}

function rewritten(data: Buffer, { from, to }: { readonly from: string; readonly to: string }): Buffer {
  const at = data.indexOf(from);
  if (at >= 0) data.write(to, at);
  return data;
}
