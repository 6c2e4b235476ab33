-- Generated from src/catalog by "npm run triggers": change src/catalog/rights.ts, not this file.
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
    select l.visibility = 'public' into open from public.lobbies l where l.id::text = lobby;
    select coalesce(json_agg(distinct c.mediator_id), '[]') into mediators
    from public.contracts c where c.lobby_id = lobby::uuid and c.mediator_id is not null;
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
