-- What an operator must know of the log: events that could not be built and that nobody has seen to, and how full the notification queue is.
create or replace function realtime.health() returns table (quarantined bigint, queue_usage double precision)
language sql stable security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  select (
    select count(*) from realtime.events e
    where e.failure is not null and not exists (select from realtime.settled s where s.event_id = e.id)
  ), pg_notification_queue_usage()
$$;
revoke all on function realtime.health() from public;
