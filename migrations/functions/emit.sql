-- An event that could not be built takes its place in the log with the reason, and is told as RESYNC_REQUIRED.
-- Nothing of the row but its primary key is kept: the rest may hold credentials. Called from a trigger's handler.
create or replace function realtime.quarantine(
  family text, source text, operation text, changed jsonb, primary_key text[],
  room text, effect text, member text, state text, message text
) returns void
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
begin
  insert into realtime.events (type, room, effect, member, failure, occurred_at)
  values (
    'realtime.quarantined', coalesce(room, '*'), effect, member,
    jsonb_build_object(
      'family', family, 'table', source, 'operation', operation, 'sqlstate', state, 'message', message,
      'key', (select jsonb_object_agg(k, changed -> k) from unnest(primary_key) k)
    ),
    clock_timestamp()
  );
end
$$;
revoke all on function realtime.quarantine(text, text, text, jsonb, text[], text, text, text, text, text) from public;

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
