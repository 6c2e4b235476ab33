/** Reads the log straight from the database, for commands. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import type pg from 'pg';
import { OperatorError } from '../errors.js';
import { entryOf, type EntryRow, type EntryFacts } from '../log/entry.js';
import { parseCursor, type Position } from '../log/position.js';

const pageSize = 1_000;

async function advance(client: pg.ClientBase): Promise<string | null> {
  const { rows } = await client.query<{ head: string | null }>('select realtime.advance() as head');
  return rows[0]?.head ?? null;
}

/** Where no instance has ever followed the log there is none yet, and a cursor must have one. */
async function firstEpoch(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ epoch: string }>('select epoch from realtime.ensure_epoch()');
  return rows[0]?.epoch ?? '';
}

/** Numbers what is new and tells the end of the log. */
export async function headOf(client: pg.ClientBase): Promise<Position> {
  // Null while somebody else numbers, who is done within milliseconds; one that hangs is not waited for.
  for (let tries = 0; tries < 100 && (await advance(client)) === null; tries++) await sleep(10);
  const { rows } = await client.query<{ epoch: string | null; seq: string }>(
    `select (select epoch from realtime.state) as epoch, t.seq from realtime.ticks t order by t.tick desc limit 1`,
  );
  const epoch = rows[0]?.epoch ?? (await firstEpoch(client));
  return { epoch, seq: Number(rows[0]?.seq ?? 0) };
}

/**
 * The place after which to read, of a cursor or a number. Told through `warn`: what is no longer kept is left out.
 * @throws OperatorError for what is no cursor, or one of another database
 */
export async function placeOf(
  client: pg.ClientBase,
  since: string,
  warn: (text: string) => void,
): Promise<number> {
  const { epoch } = await headOf(client);
  const seq = seqOf(since, epoch);
  const { rows } = await client.query<{ floor: string }>('select floor from realtime.kept()');
  const floor = Number(rows[0]?.floor ?? 0);
  if (seq >= floor) return seq;
  warn(`events up to #${floor} are no longer kept.`);
  return floor;
}

const number = /^#?\d{1,15}$/;

/** Commander's reader of a cursor or a number. */
export function place(text: string): string {
  if (number.test(text) || parseCursor(text) !== null) return text;
  throw new InvalidArgumentError(
    'It must be the "id" of an event, the "cursor" of "connected", or a number that "hashi-socket tail" shows.',
  );
}

/**
 * The number of an event: given as such, or in a cursor of this database.
 * @param text what `place` has let through
 */
export function seqOf(text: string, epoch: string): number {
  const position = number.test(text) ? { epoch, seq: Number(text.replace('#', '')) } : parseCursor(text);
  if (position?.epoch !== epoch) {
    throw new OperatorError(
      `The cursor ${text} is of another log: this database's begins with ${epoch}-. The database was restored or replaced since, or is another one: leave the cursor out.`,
    );
  }
  return position.seq;
}

/** Hands on the entries after `from` up to `to`, a page at a time. */
export async function readFrom(
  client: pg.ClientBase,
  from: number,
  to: number,
  onEntries: (entries: readonly EntryFacts[]) => void,
): Promise<void> {
  let at = from;
  while (at < to) {
    const { rows } = await client.query<EntryRow>(
      'select seq, type, room, player, effect, member, data, at from realtime.read($1, $2)',
      [at, Math.min(pageSize, to - at)],
    );
    const entries = rows.map(entryOf);
    onEntries(entries);
    const last = entries.at(-1);
    if (!last) return;
    at = last.seq;
  }
}
