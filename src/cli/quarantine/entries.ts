/** The entries of the log that could not be built: found, and marked when somebody has seen to them. */
import type pg from 'pg';

/** What `realtime.quarantine` keeps of a change. */
export interface Failure {
  readonly family: string;
  /** `schema.name` */
  readonly table: string;
  readonly operation: 'INSERT' | 'UPDATE' | 'DELETE';
  readonly sqlstate: string;
  readonly message: string;
  /** Of the row: the primary key's columns. Nothing else of it is kept. */
  readonly key: Readonly<Record<string, unknown>> | null;
  /** The events it would have been, as far as that was found out; absent in entries of older versions. */
  readonly types?: readonly string[];
}

export interface Quarantined extends Failure {
  /** Of the event, not its place in the log. */
  readonly id: string;
  readonly at: Date;
}

const open = 'e.failure is not null and not exists (select from realtime.settled s where s.event_id = e.id)';

/** Those nobody has seen to, oldest first; `ids`: these alone. */
export async function quarantined(client: pg.ClientBase, ids?: readonly string[]): Promise<Quarantined[]> {
  const { rows } = await client.query<{ id: string; at: Date; failure: Failure }>(
    `select e.id, e.occurred_at as at, e.failure from realtime.events e
     where ${open} and ($1::bigint[] is null or e.id = any ($1)) order by e.id`,
    [ids ?? null],
  );
  return rows.map(({ id, at, failure }) => ({ id, at, ...failure }));
}

/** Takes an entry for this transaction; false if somebody else has, or has seen to it. */
export async function claim(client: pg.ClientBase, id: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from realtime.events e where e.id = $1 and ${open} for update of e skip locked`,
    [id],
  );
  return rowCount === 1;
}

/** Not counted and not listed from now on; it goes with the log's retention, like the others. */
export async function settle(
  client: pg.ClientBase,
  id: string,
  how: 'replayed' | 'dropped',
  events: readonly string[] = [],
): Promise<void> {
  await client.query('insert into realtime.settled (event_id, how, events) values ($1, $2, $3)', [
    id,
    how,
    events,
  ]);
  // Those whose event has gone with the log's retention.
  await client.query(
    `delete from realtime.settled s
     where not exists (select from realtime.events e where e.failure is not null and e.id = s.event_id)`,
  );
}
