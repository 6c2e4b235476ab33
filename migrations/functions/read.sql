-- The log after a seq, in order, at most so many entries.
create or replace function realtime.read(after bigint, most integer)
returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
begin
  return query
    select l.seq, e.type, e.room, e.player, e.effect, e.member, e.data, e.failure is not null,
      (extract(epoch from e.occurred_at) * 1000)::double precision
    from (select * from realtime.log l where l.seq > after order by l.seq limit most) l
    join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
    order by l.seq;
end
$$;
revoke all on function realtime.read(bigint, integer) from public;

-- The same for one player: what goes to everyone, to one of these rooms, to the player, or moves the player.
-- Its last row is always the last entry looked at, so that a reader gets on though nothing was for it.
create or replace function realtime.read_for(after bigint, most integer, player_id text, rooms text[])
returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
begin
  return query
    select l.seq, e.type, e.room, e.player, e.effect, e.member, e.data, e.failure is not null,
      (extract(epoch from e.occurred_at) * 1000)::double precision
    from (select * from realtime.log l where l.seq > after order by l.seq limit most) l
    join realtime.events e on e.xid = l.event_xid and e.id = l.event_id and e.slot = l.event_slot
    where e.room = '*' or e.room = any (rooms) or e.player = player_id or e.member = player_id
      or l.seq = (select max(m.seq) from (select n.seq from realtime.log n where n.seq > after order by n.seq limit most) m)
    order by l.seq;
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
