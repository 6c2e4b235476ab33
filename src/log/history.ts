/** Reads the past of the log for one player, a page at a time. */
import type { Pool } from 'pg';
import { Gather } from '../database/gather.js';
import { entryOf, type EntryRow, type LogEntry } from './entry.js';
import { markOf } from './position.js';

export interface HistoryPage {
  readonly entries: readonly LogEntry[];
  /** The last seq looked at: the next page begins after it. Equal to the asked one at the end of the log. */
  readonly upTo: number;
  /** The page begins before what is kept: there is a hole. */
  readonly pruned: boolean;
  /** Of the log it is from, unless another one has taken that one's place meanwhile: then the other's. */
  readonly epoch: string;
}

export interface Retention {
  readonly retentionHours: number;
  readonly retentionEvents: number;
}

interface HeldPlace {
  readonly holds: boolean;
  /** When the entry there was made; null if there is none. */
  readonly at: number | null;
}

export class History {
  private readonly places = new Gather((seqs: readonly number[]) => this.look(seqs));

  constructor(
    private readonly pool: Pool,
    private readonly retention: Retention,
  ) {}

  /** Whether everything after `seq` is still kept, and young enough to be told; `mark`: that of the entry there. */
  async holds(seq: number, mark?: string): Promise<boolean> {
    const { holds, at } = await this.places.ask(seq);
    // Another entry with that number: the database was put back to an earlier state since.
    if (at !== null && mark !== undefined && markOf(at) !== mark) return false;
    return holds;
  }

  private async look(seqs: readonly number[]): Promise<HeldPlace[]> {
    // Clients that were cut off together have seen the same: their places are few.
    const places = [...new Set(seqs)];
    const { rows } = await this.pool.query<HeldPlace>({
      name: 'history-holds',
      text: `select realtime.holds(q.seq, $2::interval, $3) as holds,
               (select r.at from realtime.read(q.seq - 1, 1) r where r.seq = q.seq) as at
             from unnest($1::bigint[]) with ordinality q (seq, n) order by q.n`,
      values: [places, `${this.retention.retentionHours} hours`, this.retention.retentionEvents],
    });
    const found = new Map(rows.map((row, at) => [places[at], row]));
    return seqs.map((seq) => found.get(seq) ?? { holds: false, at: null });
  }

  /** What of the next `most` entries after `seq` goes to everyone, to these rooms, or concerns the player. */
  async page(seq: number, most: number, playerId: string, rooms: readonly string[]): Promise<HistoryPage> {
    const { rows } = await this.pool.query<EntryRow>({
      name: 'history-page',
      text: 'select seq, type, room, player, effect, member, data, at from realtime.read_for($1, $2, $3, $4)',
      values: [seq, most, playerId, rooms],
    });
    const last = rows.at(-1);
    const { floor, epoch } = await this.kept();
    return {
      entries: rows.map(entryOf),
      upTo: last ? Number(last.seq) : seq,
      pruned: floor > seq,
      epoch,
    };
  }

  /**
   * The newest seq that is no longer kept, and the epoch. Asked after the page, in a statement of its own: TRUNCATE empties a
   * table for older snapshots too, so one that was taken with the page may show the old floor beside a page with a hole.
   */
  private async kept(): Promise<{ floor: number; epoch: string }> {
    const { rows } = await this.pool.query<{ floor: string; epoch: string }>({
      name: 'history-kept',
      text: 'select floor, epoch from realtime.kept()',
    });
    return { floor: Number(rows[0]?.floor ?? 0), epoch: rows[0]?.epoch ?? '' };
  }
}
