/** The stock adapter and ours side by side: what is done to both, and what each makes of it. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AdapterOptions } from '../../src/adapter/index.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { joinAs, startNode, type Client, type Node, type NodeOptions } from './support.js';

export type Kind = 'stock' | 'ours';

/** Of the file that calls `compareAdapters`. */
export let database: TestDatabase;
let opened: { stop(): Promise<void> }[] = [];
const table: Record<string, Partial<Record<Kind, string>>> = {};

/** Has a database of its own around the tests of a file, stops what they have kept, and prints what came of them. */
export function compareAdapters(): void {
  beforeAll(async () => {
    database = await createDatabase();
    await database.query(
      'create table socket_io_attachments (id bigserial primary key, created_at timestamptz default now(), payload bytea)',
    );
  });
  afterEach(async () => {
    await Promise.all(opened.map((one) => one.stop()));
    opened = [];
  });
  afterAll(async () => {
    await database.drop();
    console.table(table);
  });
}

/** Stops it after the test. */
export function keep(one: { stop(): Promise<void> }): void {
  opened.push(one);
}

/** `right` is what ours must do. The stock adapter must do something else, or there is no fault to speak of. */
export function fault(name: string, right: string, run: (kind: Kind) => Promise<string>): void {
  describe(name, () => {
    for (const kind of ['stock', 'ours'] as const) {
      it(kind === 'ours' ? 'is no fault of ours' : 'is one of the stock adapter', async () => {
        const outcome = await run(kind);
        (table[name] ??= {})[kind] = outcome;
        if (kind === 'ours') expect(outcome).toBe(right);
        else expect(outcome).not.toBe(right);
      });
    }
  });
}

export async function start(kind: Kind, options: NodeOptions & { url?: string } = {}): Promise<Node> {
  const node = await startNode(options.url ?? database.url, { ...options, stock: kind === 'stock' });
  keep(node);
  return node;
}

export async function join(node: Node, namespace = '/'): Promise<Client> {
  const client = await joinAs(node.url, {}, namespace);
  keep({ stop: async () => void client.socket.disconnect() });
  return client;
}

/** How many there have been: the number in the channel prefix of the last. */
export let pairs = 0;
/** Two that know each other, and a client of each. */
export async function pair(
  kind: Kind,
  adapter: AdapterOptions = {},
  url?: string,
  poolSize = 5,
): Promise<[Node, Node, Client, Client]> {
  const settings = { poolSize, adapter: { channelPrefix: `p${++pairs}`, ...adapter } };
  const one = await start(kind, url === undefined ? settings : { ...settings, url });
  const two = await start(kind, settings);
  await meet([one, two]);
  return [one, two, await join(one), await join(two)];
}

/** The stock adapter may say hello before the other can hear it, and again only after 5 s: say it again. */
async function meet(nodes: Node[], namespace = '/'): Promise<void> {
  await vi.waitFor(async () => {
    for (const { io } of nodes) void io.of(namespace).adapter.init();
    for (const { io } of nodes) expect(await io.of(namespace).adapter.serverCount()).toBe(nodes.length);
  }, 10_000);
}

export const listeners = `from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
  and (query ilike 'listen %' or application_name in ('hashi-socket adapter', 'hashi-socket listener'))`;

let killed: number[] = [];

export async function killListeners(): Promise<number> {
  const rows = await database.query(`select pid, pg_terminate_backend(pid) ${listeners}`);
  killed = rows.map(({ pid }) => pid);
  return killed.length;
}

/** Until one listens that is none of those killed last: whoever it belongs to knows of the loss. */
export async function listeningAnew(): Promise<void> {
  await vi.waitFor(async () => {
    const rows = await database.query(`select pid ${listeners} and pid <> all($1)`, [killed]);
    expect(rows).not.toEqual([]);
  }, 15_000);
}

export async function listening(count: number): Promise<void> {
  await vi.waitFor(async () => {
    expect((await database.query(`select pid ${listeners}`)).length).toBeGreaterThanOrEqual(count);
  }, 15_000);
}
