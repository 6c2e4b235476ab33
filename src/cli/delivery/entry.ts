/** Reads one entry of the log with what `why` needs of it. */
import type pg from 'pg';
import type { EntryFacts, EntryRow } from '../../log/entry.js';

export interface ExplainedEntry extends EntryFacts {
  /** Why it could not be built, of a quarantined one. */
  readonly failure: string | null;
}

/** Null when the log does not hold it. */
export async function readEntry(client: pg.ClientBase, seq: number): Promise<ExplainedEntry | null> {
  const { rows } = await client.query<EntryRow & { failure: string | null }>(
    `select r.seq, r.type, r.room, r.player, r.effect, r.member, r.data, r.at,
       (select format('%s of %s: %s', e.failure->>'operation', e.failure->>'table', e.failure->>'message')
        from realtime.log l
        join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
        where l.seq = r.seq and e.failure is not null) as failure
     from realtime.read($1, 1) r where r.seq = $1 + 1`,
    [seq - 1],
  );
  const [row] = rows;
  return row ? { ...row, seq: Number(row.seq) } : null;
}
