-- The log after a seq, in order, at most so many entries, and no more once there are 4 MiB of them: rows may be
-- large, and a page of a thousand would not fit into a reader's memory. There is always one, so that readers get on.
create or replace function realtime.read(after bigint, most integer)
returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
begin
  return query
    select p.seq, p.type, p.room, p.player, p.effect, p.member, p.data, p.failed,
      (extract(epoch from p.occurred_at) * 1000)::double precision
    from (
      -- The length is known without fetching the text.
      select l.seq, e.type, e.room, e.player, e.effect, e.member, e.data, e.failure is not null as failed, e.occurred_at,
        sum(octet_length(e.data)) over (order by l.seq rows unbounded preceding) - coalesce(octet_length(e.data), 0) as before
      from (select * from realtime.log l where l.seq > after order by l.seq limit most) l
      join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
    ) p
    where coalesce(p.before, 0) < 4194304
    order by p.seq;
end
$$;
revoke all on function realtime.read(bigint, integer) from public;

-- Numbers what is new and reads on, in one question: a change has one round trip on its way to its clients, not two.
-- The first row is the newest seq, null while another session numbers, and in `at` how many commits have skipped the bell;
-- all else of it is null. The log's follow.
create or replace function realtime.follow(after bigint, most integer)
returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
begin
  -- Before the log is looked at: who skips later is none whose ringer has been heard already.
  at := coalesce(pg_sequence_last_value('realtime.skipped'), 0);
  seq := realtime.advance();
  return next;
  at := null;
  if seq is null or seq > after then
    return query select * from realtime.read(after, most);
  end if;
end
$$;
revoke all on function realtime.follow(bigint, integer) from public;

-- The same for one player: what goes to everyone, to one of these rooms, to the player, or moves the player.
-- Its last row is always the last entry looked at, so that a reader gets on though nothing was for it. A page ends
-- after 1 MiB: many players resume at once.
create or replace function realtime.read_for(after bigint, most integer, player_id text, rooms text[])
returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
begin
  return query
    select p.seq, p.type, p.room, p.player, p.effect, p.member, p.data, p.failed,
      (extract(epoch from p.occurred_at) * 1000)::double precision
    from (
      select l.seq, e.type, e.room, e.player, e.effect, e.member, e.data, e.failure is not null as failed, e.occurred_at,
        sum(octet_length(e.data)) over (order by l.seq rows unbounded preceding) - coalesce(octet_length(e.data), 0) as before
      from (select * from realtime.log l where l.seq > after order by l.seq limit most) l
      join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
      where e.room = '*' or e.room = any (rooms) or e.player = player_id or e.member = player_id
        or l.seq = (select max(m.seq) from (select n.seq from realtime.log n where n.seq > after order by n.seq limit most) m)
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
