-- What connection state recovery gives back, by the hash of the private id that the client shows. Unlogged: it
-- survives the death of any instance and costs no WAL; a crash of the database empties it, and clients start anew.
create unlogged table if not exists realtime.adapter_sessions (
  id text primary key,
  owner text not null,             -- the adapter that has, or had, the socket
  sid text not null,
  rooms text not null,             -- JSON
  data text not null,              -- socket.data
  position bigint not null,        -- how far in the log this is the state of
  tail text not null default '[]', -- what socket.emit() sent last, and may not have arrived
  disconnected_at timestamptz
);
--
-- Stores sessions as they are. What another instance has taken over since is left alone.
create or replace function realtime.adapter_keep_sessions(owner_id text, sessions jsonb) returns void
language sql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  insert into realtime.adapter_sessions as kept (id, owner, sid, rooms, data, position, tail, disconnected_at)
  select s.id, owner_id, s.sid, s.rooms, s.data, s.position, s.tail,
    case when s.gone then clock_timestamp() end
  from jsonb_to_recordset(sessions)
    as s (id text, sid text, rooms text, data text, position bigint, tail text, gone boolean)
  order by s.id
  on conflict (id) do update set rooms = excluded.rooms, data = excluded.data, position = excluded.position,
    tail = excluded.tail, disconnected_at = excluded.disconnected_at
  where kept.owner = excluded.owner
$$;
revoke all on function realtime.adapter_keep_sessions(text, jsonb) from public;
--
create or replace function realtime.adapter_drop_sessions(owner_id text, ids text[]) returns void
language sql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$ delete from realtime.adapter_sessions s where s.id = any (ids) and s.owner = owner_id $$;
revoke all on function realtime.adapter_drop_sessions(text, text[]) from public;
--
-- Who has it, if it can be taken up again still.
create or replace function realtime.adapter_owner_of(session_id text, lifetime interval)
returns table (owner text, sid text)
language sql stable security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  select s.owner, s.sid from realtime.adapter_sessions s
  where s.id = session_id and coalesce(s.disconnected_at > clock_timestamp() - lifetime, true)
$$;
revoke all on function realtime.adapter_owner_of(text, interval) from public;
--
-- Hands a session to another instance: to one only, however many ask.
create or replace function realtime.adapter_take_session(session_id text, from_owner text, to_owner text)
returns table (sid text, rooms text, data text, "position" bigint, tail text)
language sql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  update realtime.adapter_sessions s set owner = to_owner, disconnected_at = null
  where s.id = session_id and s.owner = from_owner
  returning s.sid, s.rooms, s.data, s.position, s.tail
$$;
revoke all on function realtime.adapter_take_session(text, text, text) from public;
--
-- Begins the end of what dead instances left, and drops what nobody came back for.
create or replace function realtime.adapter_sweep_sessions(alive text[], lifetime interval) returns void
language sql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  update realtime.adapter_sessions s set disconnected_at = clock_timestamp()
  where s.disconnected_at is null and s.owner <> all (alive);
  delete from realtime.adapter_sessions s where s.disconnected_at < clock_timestamp() - lifetime;
$$;
revoke all on function realtime.adapter_sweep_sessions(text[], interval) from public;
