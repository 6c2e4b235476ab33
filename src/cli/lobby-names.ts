/** The names of a lobby: events tell of it by its UUID here and by its code there. */
import type pg from 'pg';
import type { LobbyTables } from '../catalog/family.js';
import { ident, qualified } from '../catalog/sql.js';
import { codeOf } from './database.js';

/** No table, no schema, no right to read it. */
const unreadable = new Set(['42P01', '3F000', '42501']);

/**
 * UUID and code of a lobby that is given by one of them; empty when there is none now. Undefined where that cannot be
 * known: the role may read the log alone.
 */
export async function lobbyNames(
  client: pg.ClientBase,
  tables: LobbyTables | undefined,
  name: string,
): Promise<readonly string[] | undefined> {
  if (tables === undefined) return undefined;
  const { table, id, code } = tables.lobbies;
  try {
    const { rows } = await client.query<{ id: string; code: string | null }>(
      `select ${ident(id)}::text as id, ${ident(code)}::text as code from ${qualified(table)}
       where lower(${ident(id)}::text) = lower($1) or lower(${ident(code)}::text) = lower($1)`,
      [name],
    );
    return rows.flatMap((row) => [row.id, ...(row.code === null ? [] : [row.code])]);
  } catch (error) {
    if (unreadable.has(codeOf(error))) return undefined;
    throw error;
  }
}
