/** What every event frame must be, whatever it tells. */
import { expect } from 'vitest';
import type { Message } from '../support/clients.js';
import type { Client } from './drivers.js';
import type { World } from './world.js';

/** Two to the 256, less one: every digit of it must arrive. */
export const maxUint256 = (2n ** 256n - 1n).toString();
export const maxBigint = (2n ** 63n - 1n).toString();

/** Instants as a service may write them, and as they must look on the wire: UTC, milliseconds, `Z`. */
export const instants = [
  { sql: '2026-01-02 03:04:05+00', wire: '2026-01-02T03:04:05.000Z' },
  { sql: '2026-06-30 23:59:59.987+02', wire: '2026-06-30T21:59:59.987Z' },
  { sql: '2026-12-31 19:30:00.120-05:30', wire: '2027-01-01T01:00:00.120Z' },
] as const;

const isoTimestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * Makes a change and returns its frame: the only event the client gets for it, in the documented envelope, with the
 * time of the change by the database's clock.
 */
export async function expectEvent(
  world: World,
  client: Client,
  family: string,
  type: string,
  change: () => Promise<unknown>,
): Promise<Message> {
  await world.settle(client);
  const before = await clock(world);
  await change();
  const after = await clock(world);
  const [seen = []] = await world.settle(client);
  expect(seen.map(({ data }) => data.type)).toEqual([type]);
  const frame = seen[0] as Message;
  expect(frame.type).toBe(family);
  expect(frame.data.timestamp).toMatch(isoTimestamp);
  expect(frame.data.timestamp >= before).toBe(true);
  expect(frame.data.timestamp <= after).toBe(true);
  return frame;
}

async function clock({ query }: World): Promise<string> {
  const [row] = await query(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as now`,
  );
  return row.now;
}
