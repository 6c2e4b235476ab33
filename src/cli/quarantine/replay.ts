/**
 * Builds a quarantined event again, from the row as it is now, and writes it to the log.
 *
 * It is the table's own trigger function that does so: it is put on a temporary copy of the row, to which the change is
 * made again. So what is told is what would have been told, to whom it would have been, and nothing of the business
 * tables is written.
 */
import type pg from 'pg';
import type { Catalog, EventDefinition, Transition } from '../../catalog/index.js';
import { functionNameOf } from '../../catalog/function-name.js';
import { ident, literal, qualified } from '../../catalog/sql.js';
import { claim, settle, type Quarantined } from './entries.js';

export type Outcome =
  /** `events`: what was told. None if the row is gone: then there is nothing to tell. */
  | { readonly result: 'replayed'; readonly events: readonly string[] }
  | { readonly result: 'kept'; readonly reason: string };

const kept = (reason: string): Outcome => ({ result: 'kept', reason });

/** The column whose change makes an UPDATE the transition, and what is true of the row after it; null: none does. */
function changeOf(transition: Transition): { readonly column: string; readonly after: string } | null {
  switch (transition.kind) {
    case 'becomes': {
      const { column, value, where } = transition;
      const also = where ? ` and t.${ident(where.column)} = ${literal(where.value)}` : '';
      return { column, after: `t.${ident(column)} = ${literal(value)}${also}` };
    }
    case 'set':
    case 'deleted-or-set':
      return { column: transition.column, after: `t.${ident(transition.column)} is not null` };
    case 'inserted':
    case 'inserted-with':
    case 'deleted':
      return null;
  }
}

interface Watched {
  readonly events: ReadonlyMap<string, EventDefinition>;
  readonly table: { readonly schema: string; readonly name: string };
}

/** The events of a family that changes of one table make. */
function watchedBy(catalog: Catalog, { family, table }: Quarantined): Watched | null {
  const found = catalog.families.find(({ name }) => name === family);
  if (!found) return null;
  const own = Object.entries(found.events).filter(([, { relation }]) => {
    const { schema, name } = relation?.table ?? found.table;
    return `${schema}.${name}` === table;
  });
  const ref = own[0]?.[1].relation?.table ?? found.table;
  return own.length > 0 ? { events: new Map(own), table: ref } : null;
}

/**
 * @param client outside of a transaction; its role must own the schema `realtime`
 * @param wanted the events to tell, where what was kept does not say which they were
 */
export async function replay(
  client: pg.ClientBase,
  catalog: Catalog,
  entry: Quarantined,
  wanted: readonly string[] = [],
): Promise<Outcome> {
  const watched = watchedBy(catalog, entry);
  if (!watched)
    return kept(`the catalogue has no event of ${entry.family} for ${entry.table} any more: drop it`);
  if (entry.operation === 'DELETE') return kept('what was in the deleted row is not known any more: drop it');
  const key = Object.entries(entry.key ?? {});
  if (key.length === 0 || key.some(([, value]) => value === null)) {
    return kept('which row it was is not known: drop it');
  }
  const known = wanted.length > 0 ? wanted : (entry.types ?? []);
  const unknown = known.find((type) => !watched.events.has(type));
  if (unknown !== undefined) return kept(`${unknown} is no event of ${entry.table}`);
  const joins = [...watched.events].some(([, { effect }]) => effect === 'join');
  if (
    entry.operation === 'UPDATE' &&
    joins &&
    known.some((type) => watched.events.get(type)?.effect !== 'join')
  ) {
    return kept('what was left is not known any more: drop it');
  }

  await client.query('begin');
  try {
    const outcome = (await claim(client, entry.id))
      ? await tell(client, watched, entry, key, known, joins)
      : kept('somebody else is at it, or has seen to it');
    if (outcome.result === 'replayed') await settle(client, entry.id, 'replayed', outcome.events);
    await client.query(outcome.result === 'replayed' ? 'commit' : 'rollback');
    return outcome;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

async function tell(
  client: pg.ClientBase,
  { events, table }: Watched,
  { operation }: Quarantined,
  key: readonly (readonly [string, unknown])[],
  known: readonly string[],
  joins: boolean,
): Promise<Outcome> {
  const where = key.map(([column], at) => `t.${ident(column)}::text = $${at + 1}`).join(' and ');
  const values = key.map(([, value]) => String(value));
  const rows = `select t.* from ${qualified(table)} t where ${where}`;
  const copy = 'pg_temp.hashi_replay';
  await client.query(`create temporary table hashi_replay (like ${qualified(table)}) on commit drop`);
  const listen = (change: string) =>
    client.query(
      `create trigger hashi_replay after ${change} on ${copy} for each row execute function ${functionNameOf(table)}()`,
    );

  if (operation === 'INSERT' || joins) {
    await listen('insert');
    const { rowCount } = await client.query(`insert into ${copy} ${rows}`, values);
    if (rowCount === 0) return { result: 'replayed', events: [] };
    return (await told(client)) ?? kept('the row, as it is now, is no reason for any event: drop it');
  }

  const { rowCount } = await client.query(`insert into ${copy} ${rows}`, values);
  if (rowCount === 0) return { result: 'replayed', events: [] };
  const changes = (known.length > 0 ? known : [...events.keys()]).flatMap((type) => {
    const transition = events.get(type)?.transition;
    const change = transition && changeOf(transition);
    return change ? [change] : [];
  });
  if (changes.length === 0) return kept('none of these is an event of an UPDATE');
  const { rows: states } = await client.query<{ true: boolean[] }>(
    `select array[${changes.map(({ after }) => `coalesce(${after}, false)`).join(', ')}] as true from ${copy} t`,
  );
  // A column that holds something else by now would make another event.
  const reached = changes.filter((_, at) => states[0]?.true[at] === true);
  const columns = [...new Set(reached.map(({ column }) => ident(column)))];
  if (columns.length === 0) return kept('the row is not in that state any more: drop it');
  // As it was before: without what was set.
  for (const column of columns)
    await client.query(`alter table ${copy} alter column ${column} drop not null`);
  await client.query(`update ${copy} set ${columns.map((column) => `${column} = null`).join(', ')}`);
  await listen('update');
  await client.query(
    `update ${copy} set ${columns.map((column) => `${column} = now_is.${column}`).join(', ')} from (${rows}) now_is`,
    values,
  );
  const outcome = await told(client);
  if (!outcome) return kept('the row, as it is now, is no reason for any event: drop it');
  if (known.length > 0 || outcome.result === 'kept') return outcome;
  const choice = outcome.events.map((type) => `--type ${type}`).join(' or ');
  return kept(`which event it was is not known; by the row as it is now: say ${choice}`);
}

/** What this transaction has written to the log; null: nothing. */
async function told(client: pg.ClientBase): Promise<Outcome | null> {
  const { rows } = await client.query<{ type: string; message: string | null }>(
    `select type, failure->>'message' as message from realtime.events
     where xid = pg_current_xact_id() and type <> 'realtime.rights' order by id`,
  );
  const broken = rows.find(({ message }) => message !== null);
  if (broken) return kept(`it still cannot be built: ${broken.message ?? ''}`);
  return rows.length > 0 ? { result: 'replayed', events: rows.map(({ type }) => type) } : null;
}
