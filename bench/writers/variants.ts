/** The three databases that writers are compared on: no triggers, ours with an instance that reads, and NOTIFY. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { startInstance, type Instance } from '../systems/instance.js';
import { connect, withClient, type Postgres } from '../support/databases.js';
import { contracts, fillContracts, write, type Written } from './pgbench.js';

export interface Variant {
  readonly name: string;
  /** Throws when not every change has become an event. */
  write(clients: number, seconds: number): Promise<Written>;
  stop(): Promise<void>;
}

export const variantNames = {
  none: 'no triggers',
  ours: 'with triggers, and who reads',
  notify: 'NOTIFY in the trigger, and who listens',
} as const;

const anyCore = '0-1';

async function businessTables(url: string): Promise<void> {
  const sql = await readFile('migrations/0000_business_tables.sql', 'utf8');
  await withClient(url, (client) => client.query(sql));
}

/** Vacuums and writes out what runs before have left, so that no run pays for another. */
const tidy = (client: pg.Client) => client.query('vacuum contracts').then(() => client.query('checkpoint'));

export async function withoutTriggers(postgres: Postgres): Promise<Variant> {
  const url = await postgres.create('none');
  await businessTables(url);
  const client = await connect(url);
  await client.query(fillContracts);
  return {
    name: variantNames.none,
    async write(clients, seconds) {
      await tidy(client);
      return write({ url, clients, seconds });
    },
    stop: () => client.end(),
  };
}

export async function withNotify(postgres: Postgres): Promise<Variant> {
  const url = await postgres.create('notify');
  await businessTables(url);
  const client = await connect(url);
  await client.query(fillContracts);
  await client.query(await readFile('bench/writers/notify.sql', 'utf8'));
  const listener = await connect(url);
  let heard = 0;
  listener.on('notification', () => heard++);
  await listener.query('listen changes');
  return {
    name: variantNames.notify,
    async write(clients, seconds) {
      await tidy(client);
      heard = 0;
      const written = await write({ url, clients, seconds });
      await until(
        () => heard === written.transactions,
        `${written.transactions} written`,
        () => heard,
      );
      return written;
    },
    async stop() {
      await listener.end();
      await client.end();
    },
  };
}

export async function withTriggers(postgres: Postgres, instances = 1): Promise<Variant> {
  const url = await postgres.create('ours');
  const first = await startInstance({ databaseUrl: url, cores: anyCore });
  const others = await Promise.all(
    Array.from({ length: instances - 1 }, () => startInstance({ databaseUrl: url, cores: anyCore })),
  );
  const all = [first, ...others];
  const client = await connect(url);
  await client.query(fillContracts);
  let events = contracts;
  await caughtUp(all, events);
  return {
    name: variantNames.ours,
    async write(clients, seconds) {
      await tidy(client);
      const written = await write({ url, clients, seconds });
      events += written.transactions;
      await caughtUp(all, events);
      return written;
    },
    async stop() {
      await client.end();
      for (const instance of all) await instance.stop();
    },
  };
}

async function eventsOf(instance: Instance): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${instance.port}/metrics`)).text();
  let sum = 0;
  for (const [, value] of text.matchAll(/^hashi_events_total\{.*\} (\d+)$/gm)) sum += Number(value);
  return sum;
}

/** Waits until each instance has read so many events since it started; throws on one too many. */
async function caughtUp(instances: readonly Instance[], expected: number): Promise<void> {
  for (const instance of instances) {
    let events = 0;
    const done = async () => (events = await eventsOf(instance)) >= expected;
    await until(done, `${expected} written`, () => events);
    if (events > expected) throw new Error(`void run: ${expected} written, ${events} arrived`);
  }
}

async function until(
  done: () => boolean | Promise<boolean>,
  what: string,
  seen: () => number,
): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`void run: ${what}, ${seen()} arrived`);
    await sleep(20);
  }
}
