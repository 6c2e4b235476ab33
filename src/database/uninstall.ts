/** Takes everything of this server out of a database again: its triggers and its schema. Business tables stay. */
import type { ClientBase } from 'pg';

/** The statements that do it, for this database as it is now; empty when nothing is installed. */
export async function uninstallStatements(client: ClientBase): Promise<string[]> {
  const { rows: triggers } = await client.query<{ statement: string }>(
    `select format('drop trigger %I on %I.%I', t.tgname, n.nspname, c.relname) as statement
     from pg_trigger t
     join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
     join pg_proc p on p.oid = t.tgfoid
     where p.pronamespace = to_regnamespace('realtime') and n.nspname <> 'realtime' and not t.tgisinternal
     order by n.nspname, c.relname, t.tgname`,
  );
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regnamespace('realtime') is not null as there`,
  );
  const schema = rows[0]?.there ? ['drop schema realtime cascade'] : [];
  return [...triggers.map(({ statement }) => statement), ...schema];
}

/**
 * Runs them in one transaction. Each takes a short lock on its table; `lockTimeoutMs` bounds the wait for it, and
 * with it how long writers can wait behind us. Returns what was run.
 */
export async function uninstall(client: ClientBase, lockTimeoutMs = 2000): Promise<string[]> {
  const statements = await uninstallStatements(client);
  await client.query('begin');
  try {
    await client.query(`set local lock_timeout = ${Math.floor(lockTimeoutMs)}`);
    for (const statement of statements) await client.query(statement);
    await client.query('commit');
    return statements;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
