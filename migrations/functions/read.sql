-- The eight slots that a page of the log can be in: the one that is written now and the one before, most of them named again, where the
-- page is in those two with the events it numbers. The other six need not be opened then, which costs more than reading a few
-- rows. The log is dense: what is as long as its numbers say is whole.
create or replace function realtime.slots_of(after bigint, most integer) returns smallint[]
language plpgsql stable
set plan_cache_mode = force_generic_plan
as $$
declare
  this constant smallint := pg_sequence_last_value('realtime.slot') % 8;
  prior constant smallint := (this + 7) % 8;
begin
  return case when (
      select max(l.seq) = after + count(*) and bool_and(l.event_slot in (this, prior))
      from (
        select l.seq, l.event_slot from realtime.log l
        where l.slot in (this, prior) and l.seq > after order by l.seq limit most
      ) l
    )
    then array[this, prior, prior, prior, prior, prior, prior, prior]
    else array[0, 1, 2, 3, 4, 5, 6, 7]
  end;
end
$$;
revoke all on function realtime.slots_of(bigint, integer) from public;

-- The log after a seq, in order, at most so many entries, and no more once there are 4 MiB of them: rows may be
-- large, and a page of a thousand would not fit into a reader's memory. There is always one, so that readers get on.
create or replace function realtime.read(after bigint, most integer)
returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
  s constant smallint[] := realtime.slots_of(after, most);
begin
  return query
    select p.seq, p.type, p.room, p.player, p.effect, p.member, p.data, p.failed,
      (extract(epoch from p.occurred_at) * 1000)::double precision
    from (
      -- The length is known without fetching the text.
      select l.seq, e.type, e.room, e.player, e.effect, e.member, e.data, e.failure is not null as failed, e.occurred_at,
        sum(octet_length(e.data)) over (order by l.seq rows unbounded preceding) - coalesce(octet_length(e.data), 0) as before
      from (
        select * from realtime.log l
        where l.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]) and l.seq > after order by l.seq limit most
      ) l
      join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
        and e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
    ) p
    where coalesce(p.before, 0) < 4194304
    order by p.seq;
end
$$;
revoke all on function realtime.read(bigint, integer) from public;

-- Numbers what is new and reads on, in one question: a change has one round trip on its way to its clients, not two.
-- The first row is the newest seq, null while another session numbers; in `at` how many commits have skipped the bell; in `failed`
-- whether the bell is held. All else of it is null. The log's follow.
--
-- Who holds the bell's lock looks every few milliseconds: writers find it taken, skip it and are counted, and none of them has to
-- notify. `hold` takes the lock for the session; it is given back as soon as nobody has skipped since the look that counted
-- `counted`; it is the session's, which may also unlock it itself.
create or replace function realtime.follow(
  after bigint, most integer, hold boolean default false, held boolean default false, counted bigint default null
)
returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
declare
  -- Before the log is looked at: who skips later is none whose ringer has been heard already.
  skips constant double precision := coalesce(pg_sequence_last_value('realtime.skipped'), 0);
  holds boolean := held;
begin
  if held and skips = counted then
    perform pg_advisory_unlock(748177132, hashtext(current_database()));
    holds := false;
  elsif hold and not held then
    holds := pg_try_advisory_lock(748177132, hashtext(current_database()));
  end if;
  return query
    select n.seq, n.type, n.room, n.player, n.effect, n.member, n.data,
      case when n.type is null then holds else n.failed end, case when n.type is null then skips else n.at end
    from realtime.number(after, most, hold) n;
end
$$;
revoke all on function realtime.follow(bigint, integer, boolean, boolean, bigint) from public;

-- The log after a seq for one player: what goes to everyone, to one of these rooms, to the player, or moves the player.
-- Its last row is always the last entry looked at, so that a reader gets on though nothing was for it. A page ends
-- after 1 MiB: many players resume at once.
create or replace function realtime.read_for(after bigint, most integer, player_id text, rooms text[])
returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
  s constant smallint[] := realtime.slots_of(after, most);
begin
  return query
    select p.seq, p.type, p.room, p.player, p.effect, p.member, p.data, p.failed,
      (extract(epoch from p.occurred_at) * 1000)::double precision
    from (
      select l.seq, e.type, e.room, e.player, e.effect, e.member, e.data, e.failure is not null as failed, e.occurred_at,
        sum(octet_length(e.data)) over (order by l.seq rows unbounded preceding) - coalesce(octet_length(e.data), 0) as before
      from (
        select * from realtime.log l
        where l.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]) and l.seq > after order by l.seq limit most
      ) l
      join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
        and e.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8])
      where e.room = '*' or e.room = any (rooms) or e.player = player_id or e.member = player_id
        or l.seq = (
          select max(m.seq) from (
            select n.seq from realtime.log n
            where n.slot in (s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]) and n.seq > after order by n.seq limit most
          ) m
        )
    ) p
    where coalesce(p.before, 0) < 1048576
    order by p.seq;
end
$$;
revoke all on function realtime.read_for(bigint, integer, text, text[]) from public;

-- A player's joins and leaves after a seq: membership as it was then is today's with these undone.
create or replace function realtime.moves_of(player_id text, after bigint)
returns table (seq bigint, room text, effect text)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
begin
  return query
    select l.seq, e.room, e.effect
    from realtime.log l
    join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
    where l.member = player_id and l.seq > after and e.effect in ('join', 'leave', 'ended')
    order by l.seq;
end
$$;
revoke all on function realtime.moves_of(text, bigint) from public;
