-- Tells every client to read the state again, at this transaction's place in the log: clients that are connected
-- when it commits, and those that resume from before it. For changes that no trigger has seen.
create or replace function realtime.resync() returns void
language sql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  insert into realtime.events (type, room, effect, occurred_at)
  values ('realtime.resync', '*', 'reset', clock_timestamp())
$$;
revoke all on function realtime.resync() from public;

-- Rows that a dump is loaded with were changed long ago: they are no events, and told by one resync a transaction.
-- Called by the triggers in sessions that have the settings every dump of pg_dump begins with.
create or replace function realtime.restoring() returns void
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
begin
  if current_setting('realtime.restored', true) = 'yes' then
    return;
  end if;
  perform set_config('realtime.restored', 'yes', true);
  insert into realtime.events (type, room, effect, occurred_at)
  values ('realtime.restored', '*', 'reset', clock_timestamp());
end
$$;
revoke all on function realtime.restoring() from public;
