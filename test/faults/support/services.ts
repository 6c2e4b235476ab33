/** Services that commit rows while databases come and go, and note what was answered. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { connectClient } from '../../../src/database/client.js';
import { isLoss } from '../chaos/writers.js';
import { timelineSql, type Commit } from './commits.js';

const insert = `insert into contracts (id) values ($1)
  returning pg_current_xact_id()::text as xid, ${timelineSql} as timeline`;
interface Row {
  readonly xid: string;
  readonly timeline: string;
}
const noted = (row: Row | undefined, askedAt: number): Commit => ({
  xid: BigInt(row?.xid ?? 0),
  timeline: row?.timeline ?? '',
  askedAt,
});

export interface Unfinished {
  /** @returns the row's id */
  commit(url: string): Promise<string>;
}

/** A session that dies with its database, as it should. */
export async function session(url: string): Promise<pg.Client> {
  const client = await connectClient({ url, applicationName: 'service' });
  client.on('error', () => undefined);
  return client;
}

export class Services {
  /** By the id of the row. */
  readonly commits = new Map<string, Commit>();

  /** How many commits the database of a timeline has answered. */
  answered(timeline: string): number {
    return [...this.commits.values()].filter((one) => one.timeline === timeline).length;
  }

  /** Commits one row after the other, from when the database takes writes until it is gone, or `running` says no. */
  async write(client: pg.Client, running: () => boolean): Promise<void> {
    while (running()) {
      const id = randomUUID();
      const askedAt = performance.now();
      try {
        const { rows } = await client.query<Row>(insert, [id]);
        this.commits.set(id, noted(rows[0], askedAt));
      } catch (error) {
        const { code } = error as { code?: string };
        if (isLoss(code)) return;
        // A standby still.
        if (code !== '25006') throw error;
      }
      await sleep(3);
    }
    await client.end();
  }

  /** A row that is written and not committed yet. */
  async leaveOpen(url: string, prepared?: string): Promise<Unfinished> {
    const id = randomUUID();
    const client = await session(url);
    await client.query('begin');
    const { rows } = await client.query<Row>(insert, [id]);
    if (prepared !== undefined) {
      await client.query(`prepare transaction '${prepared}'`);
      await client.end();
    }
    return {
      commit: async (there) => {
        const by = prepared === undefined ? client : await session(there);
        const found = await by.query<{ timeline: string }>(`select ${timelineSql} as timeline`);
        const askedAt = performance.now();
        await by.query(prepared === undefined ? 'commit' : `commit prepared '${prepared}'`);
        this.commits.set(id, { ...noted(rows[0], askedAt), timeline: found.rows[0]?.timeline ?? '' });
        await by.end();
        return id;
      },
    };
  }
}
