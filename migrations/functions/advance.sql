-- Numbers what has become visible since the last tick, and reads on after a seq. The first row is the newest seq, null if another session
-- is numbering right now, and all else of it is null; the log's follow, at most so many. The cost follows what is new, not how long the oldest transaction has been open:
-- new are the events of transactions that had not begun at the last snapshot, and of those that were in progress
-- then and have finished since. With nothing new it writes nothing.
--
-- Of the eight slots only those are opened that may have something: opening a partition and its indexes costs more than
-- looking into it. The newest tick is in the slot that is written now or in the one before, for it turns only once it has
-- ticked; and what has begun after a tick writes into no slot before the tick's. Each plan is made once and prunes by its
-- parameters; left to choose, Postgres would plan again at every call, to prune earlier.
--
-- The rows are sent before the transaction ends, and until then nobody else can number: a reader that stands still must not keep it
-- open. So there come no more of them than connections take unread, and none of what is longer than a page: the rest is read
-- afterwards.
--
-- `eager` looks once, with the lock: where there is something new at nearly every look. What it finds may be no event, and its tick empty.
create or replace function realtime.number(after bigint, most integer, eager boolean)
returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
  turn bigint;
  this smallint;        -- the slot that is written now
  prior smallint;       -- the one that was before
  last record;
  seen pg_snapshot;     -- everything it sees is in the log after this
  began xid8;           -- transactions from here on had not begun at the last tick
  finished xid8[];      -- in progress at the last tick, finished since
  since xid8;           -- transactions from here on have written into these two slots alone; null: not known
  s smallint[];         -- the eight slots that may have something new: most of them the same
  something boolean;
  numbered bigint;
  newest bigint;
  locked boolean := false;
  bytes integer := 32768;  -- that may be sent yet; a row has 112 besides these texts, or less
begin
  if eager then
    perform 1 from realtime.sequencer for update skip locked;
    locked := found;
  end if;
  loop
    turn := pg_sequence_last_value('realtime.slot');
    this := turn % 8;
    prior := (turn + 7) % 8;
    select t.tick, t.slot, t.seq, t.snapshot, t.at, t.turned, t.since into last
    from realtime.ticks t where t.slot in (this, prior) order by t.tick desc limit 1;
    if not found then
      select t.tick, t.slot, t.seq, t.snapshot, t.at, t.turned, null::xid8 as since into last
      from realtime.ticks t order by t.tick desc limit 1;
    end if;
    seen := pg_current_snapshot();
    -- Turned meanwhile: what is visible may be in a slot that was not thought of.
    continue when pg_sequence_last_value('realtime.slot') <> turn;
    if seen::text = last.snapshot::text then
      newest := last.seq;
      exit;
    end if;
    began := pg_snapshot_xmax(last.snapshot);
    finished := array(select x from pg_snapshot_xip(last.snapshot) x where pg_visible_in_snapshot(x, seen));
    since := case when last.slot = this then last.since when last.slot = prior then last.turned end;
    s := case when since <= coalesce(finished[1], began)  -- the oldest of them comes first
      then array[this, prior, prior, prior, prior, prior, prior, prior]
      else array[0, 1, 2, 3, 4, 5, 6, 7]
    end;
    exit when locked;
    something := exists (
      select 1 from realtime.events e
      where e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]) and e.xid >= began
    );
    if not something and finished <> '{}' then
      something := exists (
        select 1 from unnest(finished) f (xid) join realtime.events e on e.xid = f.xid
        where e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
      );
    end if;
    -- A tick now and then, though nothing is new: else the rows of an open transaction that began after the
    -- last one would be visited by every call.
    if not something
       and not (clock_timestamp() > last.at + interval '1 second'
                and exists (select 1 from pg_snapshot_xip(seen) x where x >= began))
    then
      newest := last.seq;
      exit;
    end if;
    perform 1 from realtime.sequencer for update skip locked;
    if not found then
      return next;
      return query select * from realtime.read(after, most) where after is not null;
      return;
    end if;
    locked := true;  -- look again: somebody may have numbered between the look and the lock
  end loop;

  if newest is null then
    insert into realtime.log (seq, slot, event_id, event_xid, event_slot, member)
    select last.seq + row_number() over (order by e.id), this, e.id, e.xid, e.slot, e.member
    from (
      select e.id, e.xid, e.slot, e.member from realtime.events e
      where e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
        and e.xid >= began and pg_visible_in_snapshot(e.xid, seen)
      union all
      select e.id, e.xid, e.slot, e.member from unnest(finished) f (xid) join realtime.events e on e.xid = f.xid
      where e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
    ) e;
    get diagnostics numbered = row_count;
    newest := last.seq + numbered;

    insert into realtime.ticks (tick, slot, seq, snapshot, turned, since)
    values (
      last.tick + 1, this, newest, seen,
      case when last.slot = this and last.turned is not null then last.turned else pg_snapshot_xmax(seen) end,
      coalesce(since, pg_snapshot_xmax(seen))
    );
    -- Into a full queue it would fail: whoever does not hear of it looks by itself within a second.
    if numbered > 0 and pg_notification_queue_usage() < 0.5 then
      perform pg_notify('hashi_log', newest::text);
    end if;
  end if;
  seq := newest;
  return next;

  if newest > last.seq and after = last.seq and numbered <= most then
    -- All before has been read: what comes is what has just been numbered, as it stands in the events. By way of the log each of them
    -- would have to be found again.
    return query
      select p.seq, p.type, p.room, p.player, p.effect, p.member, p.data, p.failed,
        (extract(epoch from p.occurred_at) * 1000)::double precision
      from (
        select last.seq + row_number() over new as seq, e.*,
          sum(112 + octet_length(concat(e.room, e.player, e.member)) + coalesce(octet_length(e.data), 0)) over new as sent
        from (
          select e.id, e.type, e.room, e.player, e.effect, e.member, e.data, e.failure is not null as failed, e.occurred_at
          from realtime.events e
          where e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
            and pg_visible_in_snapshot(e.xid, seen) and e.xid >= began
          union all
          select e.id, e.type, e.room, e.player, e.effect, e.member, e.data, e.failure is not null, e.occurred_at
          from realtime.events e
          where e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]) and e.xid = any (finished)
        ) e
        window new as (order by e.id rows unbounded preceding)
      ) p
      where p.sent <= bytes
      order by p.seq;
  elsif newest > after and newest - after <= most then
    for seq, type, room, player, effect, member, data, failed, at in select * from realtime.read(after, most) loop
      bytes := bytes - 112 - octet_length(concat(room, player, member)) - coalesce(octet_length(data), 0);
      exit when bytes < 0;
      return next;
    end loop;
  end if;
end
$$;
revoke all on function realtime.number(bigint, integer, boolean) from public;

-- Numbers, and returns the newest seq: null if another session is numbering right now.
create or replace function realtime.advance() returns bigint
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
begin
  return (select n.seq from realtime.number(null, 0, false) n limit 1);
end
$$;
revoke all on function realtime.advance() from public;
