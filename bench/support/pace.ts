/** Makes events at a steady rate, whatever the rest of the machine does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from './databases.js';

export interface Paced {
  /** Events a second. */
  readonly rate: number;
  readonly events: number;
  /** Makes events number `first` to `first + count - 1`. */
  readonly make: (count: number) => Promise<unknown>;
  /** How many may be under way at once. */
  readonly atOnce?: number;
  /** Events made together, in one transaction. */
  readonly together?: number;
}

/** @returns events a second that were made */
export async function atRate({ rate, events, make, atOnce = 8, together = 1 }: Paced): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < events) {
      const n = next;
      const count = Math.min(together, events - n);
      next += count;
      const wait = startedAt + (n / rate) * 1000 - performance.now();
      if (wait > 1) await sleep(wait);
      await make(count);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return events / ((performance.now() - startedAt) / 1000);
}

/** Inserts contracts over several connections: every insert is an event for everyone. */
export async function contractWriters(url: string, connections = 8) {
  const clients = await Promise.all(Array.from({ length: connections }, () => connect(url)));
  const idle = [...clients];
  return {
    atOnce: connections,
    async make(count: number): Promise<void> {
      const client = idle.pop();
      if (!client) throw new Error('more writes at once than connections');
      await client.query({
        name: 'make',
        text: 'insert into contracts (stake_amount) select 1000000000000000000 from generate_series(1, $1)',
        values: [count],
      });
      idle.push(client);
    },
    async stop(): Promise<void> {
      await Promise.all(clients.map((client) => client.end()));
    },
  };
}
