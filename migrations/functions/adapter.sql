-- Appends what an instance's adapter has to say to all instances, in this order, and takes a place in it with the
-- next advance(). No doorbell is needed: who appends, advances as soon as this has committed. "rooms": the room each
-- is for, '*' for more than one or all, null for what no client is ever to see again.
drop function if exists realtime.adapter_append(text[]);
--
create or replace function realtime.adapter_append(entries text[], rooms text[] default null) returns void
language sql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  insert into realtime.events (type, room, data, occurred_at)
  select 'realtime.adapter', e.room, e.entry, clock_timestamp()
  from unnest(entries, rooms) with ordinality e (entry, room, place) order by e.place
$$;
revoke all on function realtime.adapter_append(text[], text[]) from public;
--
-- The names of channels are derived from this: who may not know it can neither hear nor forge what goes over them.
create or replace function realtime.adapter_secret() returns text
language sql stable security definer
set search_path = pg_catalog, realtime, pg_temp
as $$ select encode(sha256(convert_to('adapter ' || s.secret, 'UTF8')), 'hex') from realtime.state s $$;
revoke all on function realtime.adapter_secret() from public;
--
-- Keeps a message that does not fit a notification, and notifies of where it is.
create or replace function realtime.adapter_attach(channel text, message text) returns void
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
declare
  attachment bigint;
begin
  insert into realtime.attachments (payload) values (convert_to(message, 'UTF8')) returning id into attachment;
  perform pg_notify(channel, '@' || attachment);
end
$$;
revoke all on function realtime.adapter_attach(text, text) from public;
--
create or replace function realtime.adapter_attached(attachment bigint) returns text
language sql stable security definer
set search_path = pg_catalog, realtime, pg_temp
as $$ select convert_from(a.payload, 'UTF8') from realtime.attachments a where a.id = attachment $$;
revoke all on function realtime.adapter_attached(bigint) from public;
--
create or replace function realtime.adapter_forget_attachments(older interval) returns void
language sql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$ delete from realtime.attachments a where a.created_at < now() - older $$;
revoke all on function realtime.adapter_forget_attachments(interval) from public;
--
-- Whether the role behind a connection may publish: null when the connection is gone. Anybody can notify on a
-- public channel, and the number of the connection is all that a notification tells of its sender for certain.
create or replace function realtime.adapter_may_publish(pid integer, out role text, out may boolean)
language sql stable security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
  select a.usename::text, has_function_privilege(a.usesysid, 'realtime.adapter_append(text[], text[])', 'execute')
    and has_schema_privilege(a.usesysid, 'realtime', 'usage')
  from pg_stat_activity a where a.pid = adapter_may_publish.pid and a.datname = current_database()
$$;
revoke all on function realtime.adapter_may_publish(integer) from public;
--
-- Whether somebody else looks after the log's retention: a server whose promises are longer than an adapter's.
create or replace function realtime.adapter_rotate(retention interval, most bigint) returns void
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
begin
  if not exists (select 1 from realtime.installed i where i.name = 'doorbell') then
    perform realtime.rotate(retention, most);
  end if;
end
$$;
revoke all on function realtime.adapter_rotate(interval, bigint) from public;
