/**
 * What was committed where and when, and what a client can have read that was told to read the state again.
 *
 * A change is known to a client by its event, or by a state that it reads when it is told to. Which of the two it has to
 * be is settled by the database alone: a state shows what the snapshot sees that it is read with.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

export interface Commit {
  /** When the COMMIT was sent, by `performance.now()`: before that it was not committed. */
  readonly askedAt: number;
  readonly xid: bigint;
  /** Of the database that has answered: a standby that is promoted begins another one. */
  readonly timeline: string;
}

/** A state, as far as it can be told which commits it shows. */
export interface Reading {
  /** When the client was told to read, by `performance.now()`. */
  readonly toldAt: number;
  /** Of the log that it goes on in; undefined where it was not told. */
  readonly epoch: string | undefined;
  readonly timeline: string;
  readonly snapshot: string;
}

/** SQL of the timeline that is written; an error on a standby, which is no place to go on. */
export const timelineSql = 'substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)';

/** Whether a committed transaction is seen with a snapshot, `xmin:xmax:xip,…`. */
export function shows(snapshot: string, xid: bigint): boolean {
  const [, xmax = '0', open = ''] = snapshot.split(':');
  return xid < BigInt(xmax) && !open.split(',').includes(String(xid));
}

/** Reads the state each time a client is told to, however long the database takes to answer. */
export class StateReader {
  private readonly readings: Promise<Reading | undefined>[] = [];
  private stopped = false;

  constructor(private readonly pool: pg.Pool) {}

  /** To be called as the client is told. */
  read(epoch: string | undefined): void {
    this.readings.push(this.once(performance.now(), epoch));
  }

  /** In the order in which the client was told. */
  async all(): Promise<Reading[]> {
    return (await Promise.all(this.readings)).filter((reading) => reading !== undefined);
  }

  /** Nobody asks any more. */
  stop(): void {
    this.stopped = true;
  }

  private async once(toldAt: number, epoch: string | undefined): Promise<Reading | undefined> {
    while (!this.stopped) {
      try {
        const { rows } = await this.pool.query<{ timeline: string; snapshot: string }>(
          `select ${timelineSql} as timeline, pg_current_snapshot()::text as snapshot`,
        );
        if (rows[0]) return { toldAt, epoch, ...rows[0] };
      } catch {
        // It is away, or a standby still.
      }
      await sleep(20);
    }
    return undefined;
  }
}

/** The state that a client has read when it began with the log of this epoch. */
export const beginning = (
  readings: readonly Reading[],
  log: { readonly epoch: string; readonly timeline: string },
): Reading | undefined =>
  readings.find(
    ({ epoch, timeline }) => timeline === log.timeline && (epoch === undefined || epoch === log.epoch),
  );

/** Whether a client knows of a commit without an event: it was told to read the state after it, and saw it there. */
export const known = ({ askedAt, xid }: Commit, reading: Reading | undefined): boolean =>
  reading !== undefined && reading.toldAt >= askedAt && shows(reading.snapshot, xid);
