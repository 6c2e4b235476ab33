/** What a server says of itself: metrics, and a client that notices when anything is wrong with the service. */
import { expect } from 'vitest';
import type { TestDatabase } from '../support/database.js';
import { ioClient, rawClient, type TestClient } from '../support/clients.js';
import type { TestServer } from '../support/server.js';

/** The sum of a metric's samples whose labels contain `labels`. */
export async function metric(server: Pick<TestServer, 'url'>, name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Asks until it holds: for what the server does in its own time and tells nobody. */
export async function eventually<Value>(
  read: () => Value | Promise<Value>,
  holds: (value: Value) => boolean,
  withinMs = 15_000,
): Promise<Value> {
  const until = performance.now() + withinMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > until) throw new Error(`still ${JSON.stringify(value)} after ${withinMs} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs it, and waits until each metric is larger by one. */
export async function counted(
  server: Pick<TestServer, 'url'>,
  metrics: readonly (readonly [name: string, labels: string])[],
  act: () => Promise<unknown>,
): Promise<void> {
  const read = () => Promise.all(metrics.map(([name, labels]) => metric(server, name, labels)));
  const before = await read();
  await act();
  const after = await eventually(read, (values) => values.every((value, at) => value > (before[at] ?? 0)));
  expect(after).toEqual(before.map((value) => value + 1));
}

/** Honest clients of each transport, who must get every event, in order, whatever others do. */
export class Honest {
  /** How many events there have been; each holds its number as `chainId`. */
  sent = 0;

  private constructor(
    private readonly database: Pick<TestDatabase, 'query'>,
    readonly clients: readonly TestClient[],
  ) {}

  static async connect(
    server: Pick<TestServer, 'url' | 'wsUrl' | 'token'>,
    database: Pick<TestDatabase, 'query'>,
  ): Promise<Honest> {
    const token = await server.token('honest');
    const clients = [
      rawClient(server, token),
      ioClient(server, token),
      ioClient(server, token, { transports: ['polling'] }),
    ];
    await Promise.all(clients.map((client) => client.next('connected')));
    return new Honest(database, clients);
  }

  /** Makes an event that everyone gets, and waits until each honest client has it. */
  async event(terms: object = {}): Promise<void> {
    const chainId = ++this.sent;
    await this.database.query(`insert into contracts (chain_id, terms) values ($1, $2)`, [chainId, terms]);
    await Promise.all(this.clients.map((client) => client.next((m) => m.data?.payload?.chainId === chainId)));
  }

  /** What each has received of those events, in order; the same for all when nothing was lost or repeated. */
  streams(): number[][] {
    return this.clients.map(({ messages }) =>
      messages
        .filter(({ data }) => data?.type === 'contract.created')
        .map(({ data }) => data.payload.chainId),
    );
  }

  expected(): number[][] {
    return this.clients.map(() => Array.from({ length: this.sent }, (_, at) => at + 1));
  }

  /** Not connected any more, though nobody asked them to go. */
  errors(): unknown[] {
    return this.clients.flatMap(({ messages }) => messages.filter(({ type }) => type === 'error'));
  }

  close(): void {
    for (const client of this.clients) client.close();
  }
}
