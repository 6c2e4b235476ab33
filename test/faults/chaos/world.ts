/** The rows that writers share, and the journal of what they have committed. */
import type pg from 'pg';
import { timelineSql, type Commit } from '../support/commits.js';

export interface World {
  readonly lobbies: readonly string[];
  /** A contract of each lobby, for storage rows. */
  readonly contracts: readonly string[];
  readonly players: readonly string[];
  /** The lobby that anybody may subscribe to. */
  readonly open: string;
}

/** A commit that was answered. */
export interface Answered extends Commit {
  /** It was prepared before: a standby that lacks its commit may have it prepared still. */
  readonly prepared?: boolean;
}

export interface Journal {
  /** By their marks, changes that are known to be committed: each mark is in one event's payload. */
  readonly committed: Map<string, Answered>;
  /** Marks of changes that were rolled back: in no event. */
  readonly rolledBack: Set<string>;
  /** Marks of changes whose COMMIT got no answer: in one event, or in none. */
  readonly unknown: Set<string>;
  /** Marks of changes that have made a file, too, which is told of by an event of its own. */
  readonly files: Set<string>;
}

export const newJournal = (): Journal => ({
  committed: new Map(),
  rolledBack: new Set(),
  unknown: new Set(),
  files: new Set(),
});

/** A transaction that has written, and the database it has done so in. */
export type Transaction = Pick<Commit, 'xid' | 'timeline'>;

export async function transactionOf(client: pg.ClientBase): Promise<Transaction> {
  const { rows } = await client.query<{ xid: string; timeline: string }>(
    `select pg_current_xact_id()::text as xid, ${timelineSql} as timeline`,
  );
  return { xid: BigInt(rows[0]?.xid ?? 0), timeline: rows[0]?.timeline ?? '' };
}

/** How many contracts one statement changes. */
export const bulkRows = 1000;

export async function createWorld(pool: pg.Pool): Promise<World> {
  const lobbies: string[] = [];
  const contracts: string[] = [];
  for (const code of ['RED', 'GREEN', 'BLUE', 'GREY', 'OPEN']) {
    const lobby = await pool.query<{ id: string }>(
      'insert into lobbies (code, visibility) values ($1, $2) returning id',
      [code, code === 'OPEN' ? 'public' : 'private'],
    );
    lobbies.push(lobby.rows[0]?.id ?? '');
    const contract = await pool.query<{ id: string }>(
      `insert into contracts (lobby_id, terms) values ($1, '{"n": 0}') returning id`,
      [lobbies.at(-1)],
    );
    contracts.push(contract.rows[0]?.id ?? '');
  }
  await pool.query(
    `insert into contracts (status, terms)
     select 'bulk', jsonb_build_object('n', 0, 'row', row) from generate_series(1, $1::int) row`,
    [bulkRows],
  );
  const players = Array.from({ length: 8 }, (_, index) => `player-${index}`);
  return { lobbies, contracts, players, open: lobbies.at(-1) ?? '' };
}
