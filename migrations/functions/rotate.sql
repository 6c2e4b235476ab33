-- Retention: turns to the next slot when the current one holds its share, and empties the slot it turns to.
-- A slot is emptied whole, and only when everything in it is older than what must be kept; until then the
-- current one grows. Eight slots, each a sixth of the retention: kept is at least all of it.
-- Returns the newest seq that is no longer kept.
create or replace function realtime.rotate(retention interval, most bigint) returns bigint
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set lock_timeout = '100ms'
as $$
declare
  turn bigint := pg_sequence_last_value('realtime.slot');
  this smallint := turn % 8;
  next smallint := (turn + 1) % 8;
  head bigint;
  newest_slot smallint;
  oldest record;
  dropped bigint;
  newest timestamptz;
  floor_now bigint;
  locked boolean := false;
begin
  select s.floor into floor_now from realtime.state s;
  select t.seq, t.slot into head, newest_slot from realtime.ticks t order by t.tick desc limit 1;
  select t.seq, t.at into oldest from realtime.ticks t where t.slot = this order by t.tick limit 1;
  -- Without a tick in it the slot is not left: whoever numbers looks for the newest one here and in the slot before.
  if newest_slot <> this or oldest is null or (oldest.at > clock_timestamp() - retention / 6 and head - oldest.seq < greatest(most / 6, 1)) then
    return floor_now;
  end if;
  -- Waited for: under load somebody numbers nearly all the time, and who gave up at that would never get to it.
  perform 1 from realtime.sequencer for update;
  if pg_sequence_last_value('realtime.slot') <> turn then
    return (select s.floor from realtime.state s);  -- another instance has turned
  end if;
  loop
    -- What would go: the next slot's log, and the events in it that were numbered late, in a later slot.
    select max(l.seq) into dropped from (
      select max(l.seq) as seq from realtime.log l where l.slot = next
      union all
      select max(l.seq) from realtime.log l where l.event_slot = next and l.event_slot <> l.slot
    ) l;
    if dropped is not null then
      select t.at into newest from realtime.ticks t where t.seq >= dropped order by t.tick limit 1;
      if newest > clock_timestamp() - retention and head - dropped < most then
        return floor_now;
      end if;
    end if;
    exit when locked;
    -- Whoever wrote into the slot long ago has finished once these locks are ours; what of it is committed and has no number
    -- yet gets one, and then counts as new. In this order: whoever numbers takes the ticks first, whoever reads takes the log
    -- before the events, and neither may wait for us while we wait for it.
    execute format('lock table realtime.ticks_%1$s, realtime.log_%1$s, realtime.events_%1$s in access exclusive mode', next);
    locked := true;
    head := realtime.advance();
  end loop;
  execute format('truncate realtime.events_%s, realtime.log_%s, realtime.ticks_%s', next, next, next);
  perform setval('realtime.slot', turn + 1);
  update realtime.state set floor = greatest(floor, coalesce(dropped, 0)) returning floor into floor_now;
  return floor_now;
exception
  when lock_not_available then
    -- A writer still has a row in the slot, or somebody numbers for long: next time.
    return floor_now;
end
$$;
revoke all on function realtime.rotate(interval, bigint) from public;
