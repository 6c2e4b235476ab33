-- An event that could not be built takes its place in the log with the reason, and is told as RESYNC_REQUIRED.
-- Nothing of the row but its primary key is kept: the rest may hold credentials. Called from a trigger's handler.
-- types: the events it would have been, as far as that had been found out.
drop function if exists realtime.quarantine(text, text, text, jsonb, text[], text, text, text, text, text);
create or replace function realtime.quarantine(
  family text, source text, operation text, changed jsonb, primary_key text[],
  room text, effect text, member text, state text, message text, types text[] default '{}'
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
      'types', types, 'key', (select jsonb_object_agg(k, changed -> k) from unnest(primary_key) k)
    ),
    clock_timestamp()
  );
end
$$;
revoke all on function realtime.quarantine(text, text, text, jsonb, text[], text, text, text, text, text, text[]) from public;
