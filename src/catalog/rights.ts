/** The function that notes in the log who may subscribe to a lobby, made for the tables the catalogue names. */
import type { LobbyTables } from './family.js';
import { ident, qualified } from './sql.js';

/** `create or replace function realtime.tell_rights`, revoked from PUBLIC. */
export function rightsFunctionSql({ lobbies: l, contracts: c }: LobbyTables): string {
  const mediator = `c.${ident(c.mediator)}`;
  return `-- Generated from src/catalog by "npm run triggers": change src/catalog/rights.ts, not this file.
-- Who may subscribe to a lobby without being its participant, written beside the change that may end a right.
create or replace function realtime.tell_rights(lobby text) returns void
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
declare
  open boolean := false;
  mediators json := '[]';
begin
  if lobby is null then
    return;
  end if;
  begin
    select l.${ident(l.visibility)} = 'public' into open from ${qualified(l.table)} l where l.${ident(l.id)}::text = lobby;
    select coalesce(json_agg(distinct ${mediator}), '[]') into mediators
    from ${qualified(c.table)} c where c.${ident(c.lobby)} = lobby::uuid and ${mediator} is not null;
  exception
    when data_exception or syntax_error_or_access_rule_violation or internal_error then
      -- Not known: nobody keeps a right that cannot be shown.
      open := false;
  end;
  insert into realtime.events (type, room, effect, data, occurred_at)
  values (
    'realtime.rights', 'lobby:' || lobby, 'rights',
    json_build_object('public', coalesce(open, false), 'mediators', mediators)::text, clock_timestamp()
  );
end
$$;
revoke all on function realtime.tell_rights(text) from public;
`;
}
