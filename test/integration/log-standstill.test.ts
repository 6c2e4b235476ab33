/** That an instance which stands still, whatever it was at, holds up nobody else. */
import type { Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated.js';

let database: MigratedDatabase;
beforeAll(async () => {
  database = await createMigratedDatabase();
});
afterAll(() => database.drop());

const numbered = async (): Promise<number | null> => {
  const [{ seq }] = await database.query('select realtime.advance() as seq');
  return seq === null ? null : Number(seq);
};
/** Emits what is so large. */
const emit = (count: number, bytes: number) =>
  database.query(
    `insert into realtime.events (type, room, data, occurred_at)
     select 'contract.created', '*', json_build_object('padding', repeat('x', $2)), now() from generate_series(1, $1)`,
    [count, bytes],
  );
const write = () => database.query('insert into contracts default values');

describe('an instance that does not read the answer to its numbering', () => {
  it.each([
    ['one large event', 1, 16 << 20],
    ['many small ones', 150_000, 100],
  ])('does not keep others from numbering: %s', { timeout: 60_000 }, async (_what, count, bytes) => {
    const before = await numbered();
    const still = new pg.Client({ connectionString: database.url });
    still.on('error', () => undefined);
    await still.connect();
    const [{ pid }] = (await still.query('select pg_backend_pid() as pid')).rows;
    await emit(count, bytes);
    const { stream } = (still as unknown as { connection: { stream: Socket } }).connection;
    stream.pause();
    const asked = still.query('select * from realtime.follow($1, 1000000)', [before]).catch(() => undefined);
    // Answered, or waiting for its reader.
    await expect
      .poll(
        async () =>
          (
            await database.query(
              `select state = 'idle' or wait_event = 'ClientWrite' as done from pg_stat_activity where pid = $1`,
              [pid],
            )
          )[0].done,
        { timeout: 30_000 },
      )
      .toBe(true);
    await write();
    await expect.poll(numbered, { timeout: 5_000 }).toBe((before ?? 0) + count + 1);
    stream.destroy();
    await asked;
  });
});
