-- Numbers what has become visible since the last tick, and returns the newest seq: null if another session is
-- numbering right now. The cost follows what is new, not how long the oldest transaction has been open:
-- new are the events of transactions that had not begun at the last snapshot, and of those that were in progress
-- then and have finished since. With nothing new it writes nothing.
create or replace function realtime.advance() returns bigint
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
  last record;
  seen pg_snapshot;     -- everything it sees is in the log after this
  began xid8;           -- transactions from here on had not begun at the last tick
  finished xid8[];      -- in progress at the last tick, finished since
  current_slot smallint;
  numbered bigint;
  locked boolean := false;
begin
  loop
    select t.tick, t.seq, t.snapshot, t.at into last from realtime.ticks t order by t.tick desc limit 1;
    seen := pg_current_snapshot();
    if seen::text = last.snapshot::text then
      return last.seq;
    end if;
    began := pg_snapshot_xmax(last.snapshot);
    finished := array(select x from pg_snapshot_xip(last.snapshot) x where pg_visible_in_snapshot(x, seen));
    exit when locked;
    if not exists (select 1 from realtime.events e where e.xid >= began)
       and not exists (select 1 from unnest(finished) f (xid) join realtime.events e on e.xid = f.xid)
       -- A tick now and then, though nothing is new: else the rows of an open transaction that began after the
       -- last one would be visited by every call.
       and not (clock_timestamp() > last.at + interval '1 second'
                and exists (select 1 from pg_snapshot_xip(seen) x where x >= began))
    then
      return last.seq;
    end if;
    perform 1 from realtime.sequencer for update skip locked;
    if not found then
      return null;
    end if;
    locked := true;  -- look again: somebody may have numbered between the look and the lock
  end loop;

  current_slot := pg_sequence_last_value('realtime.slot') % 8;
  insert into realtime.log (seq, slot, event_id, event_xid, event_slot, member)
  select last.seq + row_number() over (order by e.id), current_slot, e.id, e.xid, e.slot, e.member
  from (
    select e.id, e.xid, e.slot, e.member from realtime.events e
    where e.xid >= began and pg_visible_in_snapshot(e.xid, seen)
    union all
    select e.id, e.xid, e.slot, e.member from unnest(finished) f (xid) join realtime.events e on e.xid = f.xid
  ) e;
  get diagnostics numbered = row_count;

  insert into realtime.ticks (tick, slot, seq, snapshot)
  values (last.tick + 1, current_slot, last.seq + numbered, seen);
  -- Into a full queue it would fail: whoever does not hear of it looks by itself within a second.
  if numbered > 0 and pg_notification_queue_usage() < 0.5 then
    perform pg_notify('hashi_log', (last.seq + numbered)::text);
  end if;
  return last.seq + numbered;
end
$$;
revoke all on function realtime.advance() from public;
