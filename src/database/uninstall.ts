/** Takes everything of this server out of a database again: its triggers and its schema. Business tables stay. */
import type { ClientBase } from 'pg';
import { notHeldLongSql } from './migrate.js';

/** The statements that do it, for this database as it is now; empty when nothing is installed. */
export async function uninstallStatements(client: ClientBase): Promise<string[]> {
  // Only a table's owner may drop its triggers, but who owns their function takes them along with it.
  const { rows: functions } = await client.query<{ statement: string }>(
    `select format(E'-- with its triggers on %s\\ndrop function %s cascade',
       string_agg(distinct t.tgrelid::regclass::text, ', '), p.oid::regprocedure) as statement
     from pg_trigger t
     join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
     where p.pronamespace = to_regnamespace('realtime') and c.relnamespace <> p.pronamespace
       and not t.tgisinternal and t.tgparentid = 0
     group by p.oid, p.proname order by p.proname`,
  );
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regnamespace('realtime') is not null as there`,
  );
  const schema = rows[0]?.there ? ['drop schema realtime cascade'] : [];
  return [...functions.map(({ statement }) => statement), ...schema];
}

/**
 * Runs them in one transaction. Each takes a short lock on its table; `lockTimeoutMs` bounds the wait for it, and
 * with it how long writers can wait behind us. Returns what was run.
 */
export async function uninstall(client: ClientBase, lockTimeoutMs = 2000): Promise<string[]> {
  const statements = await uninstallStatements(client);
  await client.query('begin');
  try {
    await client.query(`set local lock_timeout = ${Math.floor(lockTimeoutMs)}; ${notHeldLongSql()}`);
    for (const statement of statements) await client.query(statement);
    await client.query('commit');
    return statements;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
