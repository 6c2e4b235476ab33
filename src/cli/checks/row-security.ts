/** Looks for row security on business tables: what it hides from us, nobody is told, and nobody misses. */
import type pg from 'pg';
import type { Catalog } from '../../catalog/index.js';
import { ident, qualified } from '../../catalog/sql.js';
import { columnsRead } from '../../database/expectations.js';
import { failed, ok, warning, type Result } from './check.js';

interface Restricted {
  readonly table: string;
  readonly role: string;
  /** Whether some policy lets the role see some rows. */
  readonly policy: boolean;
}

/** Of the role that asks, of the one that the triggers' functions run as, and of those that may serve and read the table. */
const restrictedSql = `
  select t.name as table, r.rolname as role, exists (
    select from pg_policy p where p.polrelid = c.oid and p.polpermissive and p.polcmd in ('r', '*')
      and exists (select from unnest(p.polroles) of (role) where role = 0 or pg_has_role(r.oid, role, 'usage'))) as policy
  from unnest($1::text[]) t (name) join pg_class c on c.oid = to_regclass(t.name)
  join pg_roles r on r.rolname = current_user
    or r.oid = (select nspowner from pg_namespace where nspname = 'realtime')
    or r.rolcanlogin and has_function_privilege(r.oid, to_regprocedure('realtime.advance()'), 'execute')
      and has_any_column_privilege(r.oid, c.oid, 'select')
  where c.relrowsecurity and not r.rolsuper and not r.rolbypassrls
    and (c.relforcerowsecurity or not pg_has_role(r.oid, c.relowner, 'usage'))
  order by 1, 2`;

export async function checkRowSecurity(client: pg.Client, catalog: Catalog): Promise<Result[]> {
  const tables = [...columnsRead(catalog).values()].map(({ table }) => qualified(table));
  const { rows } = await client.query<Restricted>(restrictedSql, [tables]);
  if (rows.length === 0) return [ok('row security', 'Every row of the business tables can be seen.')];
  return rows.map(({ table, role, policy }) => {
    const fix =
      `alter role ${ident(role)} bypassrls, as a superuser, or as the owner of the table: ` +
      `create policy hashi_socket on ${table} for select to ${ident(role)} using (true)`;
    return policy
      ? warning(
          'row security',
          `Policies decide which rows of ${table} role "${role}" sees: of others nobody is told.`,
          `See that one of them shows it every row, or ${fix}`,
        )
      : failed(
          'row security',
          `Row security hides every row of ${table} from role "${role}": events lack what is in it, and players count as gone.`,
          fix,
        );
  });
}
