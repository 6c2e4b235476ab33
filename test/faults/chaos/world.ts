/** The rows that writers share, and the journal of what they have committed. */
import type pg from 'pg';

export interface World {
  readonly lobbies: readonly string[];
  /** A contract of each lobby, for storage rows. */
  readonly contracts: readonly string[];
  readonly players: readonly string[];
  /** The lobby that anybody may subscribe to. */
  readonly open: string;
}

export interface Journal {
  /** Marks of committed changes: each is in one event's payload. */
  readonly committed: Set<string>;
  /** Marks of changes that were rolled back: in no event. */
  readonly rolledBack: Set<string>;
  /** Marks of changes whose COMMIT got no answer, or was lost with its database: in one event, or in none. */
  readonly unknown: Set<string>;
  /** Marks of changes that have made a file, too, which is told of by an event of its own. */
  readonly files: Set<string>;
  /** How often another database has taken the place of the one before. */
  era: number;
  /** Whether that is going on: what commits now may be in neither's log. */
  turning: boolean;
}

export const newJournal = (): Journal => ({
  committed: new Set(),
  rolledBack: new Set(),
  unknown: new Set(),
  files: new Set(),
  era: 0,
  turning: false,
});

/** To be called when a COMMIT is sent. @returns what notes that it was answered */
export function noteCommits(journal: Journal): (mark: string) => void {
  const { turning } = journal;
  return (mark) => void journal[turning || journal.turning ? 'unknown' : 'committed'].add(mark);
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
