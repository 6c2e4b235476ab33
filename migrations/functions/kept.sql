-- The newest seq that is no longer kept, and the epoch of the log.
create or replace function realtime.kept() returns table (floor bigint, epoch text)
language sql stable security definer
set search_path = pg_catalog, realtime, pg_temp
as $$ select s.floor, s.epoch from realtime.state s $$;
revoke all on function realtime.kept() from public;

-- Whether all that follows a seq is kept still, and within what is promised.
create or replace function realtime.holds(after bigint, retention interval, most bigint) returns boolean
language sql stable security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  select after >= s.floor
    and head.seq - after <= most
    and coalesce((select t.at from realtime.ticks t where t.seq > after order by t.tick limit 1) > clock_timestamp() - retention, true)
  from realtime.state s, (select t.seq from realtime.ticks t order by t.tick desc limit 1) head
$$;
revoke all on function realtime.holds(bigint, interval, bigint) from public;
