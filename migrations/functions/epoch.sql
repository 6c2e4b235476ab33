-- Whether rows of another log are in this one: what advance() writes it writes at once, entries up to the newest
-- tick's seq, and that tick's snapshot has been.
create or replace function realtime.has_foreign_rows() returns boolean
language sql stable security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  select coalesce((
    select t.seq < coalesce((select max(l.seq) from realtime.log l), t.seq)
      or pg_snapshot_xmax(t.snapshot) > pg_snapshot_xmax(pg_current_snapshot())
    from realtime.ticks t order by t.tick desc limit 1
  ), true)
$$;
revoke all on function realtime.has_foreign_rows() from public;

-- The epoch a cursor belongs to: renewed when this database is not the one that the stored snapshots are from
-- (restored elsewhere, copied, failed over), or when rows of another log are in this one. What is in the log then
-- means nothing any more: it is emptied, and numbers go on after a gap, so that nobody takes what follows for a
-- continuation.
-- Returns the epoch, whether it is new, and the key that Socket.IO sessions are signed with.
create or replace function realtime.ensure_epoch(out epoch text, out renewed boolean, out secret text)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
declare
  identity text;
  known record;
  seen pg_snapshot;
  head bigint;
begin
  -- The timeline that is written right now: the one of the last checkpoint lags behind a promotion.
  select format('%s/%s/%s', s.system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), d.oid)
  into identity
  from pg_control_system() s, pg_database d where d.datname = current_database();
  select s.epoch, s.cluster, s.secret into known from realtime.state s;
  renewed := false;
  if known.cluster is not distinct from identity and not realtime.has_foreign_rows() then
    epoch := known.epoch;
    secret := known.secret;
    return;
  end if;
  perform 1 from realtime.sequencer for update;
  select s.epoch, s.cluster, s.secret into known from realtime.state s;
  if known.cluster is not distinct from identity and not realtime.has_foreign_rows() then
    epoch := known.epoch;
    secret := known.secret;
    return;
  end if;
  epoch := substr(replace(gen_random_uuid()::text, '-', ''), 1, 12);
  if known is null then
    insert into realtime.state as s (epoch, cluster) values (ensure_epoch.epoch, identity) returning s.secret into secret;
    return;
  end if;
  renewed := true;
  select greatest(max(t.seq), (select max(l.seq) from realtime.log l), (select s.floor from realtime.state s)) + 1
  into head from realtime.ticks t;
  seen := pg_current_snapshot();
  begin
    perform set_config('lock_timeout', '500ms', true);
    truncate realtime.events, realtime.log, realtime.ticks;
  exception
    when lock_not_available then
      -- A transaction is open that has written events, or somebody reads: writers must not queue behind us.
      delete from realtime.events;
      delete from realtime.log;
      delete from realtime.ticks;
  end;
  insert into realtime.ticks (tick, slot, seq, snapshot)
  values (0, pg_sequence_last_value('realtime.slot') % 8, head, seen);
  update realtime.state s set epoch = ensure_epoch.epoch, cluster = identity, floor = head
  returning s.secret into secret;
end
$$;
revoke all on function realtime.ensure_epoch() from public;
