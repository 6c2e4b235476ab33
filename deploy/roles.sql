-- Two roles, and no more than they need. Run it as the owner of the business tables, with psql:
--
--   psql "$DATABASE_URL" -f deploy/roles.sql     before the first migration: the installer's rights
--   hashi-socket migrate                          as hashi_installer
--   psql "$DATABASE_URL" -f deploy/roles.sql     again: the server's rights, now that there is something to grant
--
-- Then the server runs as hashi_server. It changes nothing: whoever gets hold of it reads the log and memberships.

do $$
begin
  if not exists (select from pg_roles where rolname = 'hashi_installer') then
    create role hashi_installer login;
  end if;
  if not exists (select from pg_roles where rolname = 'hashi_server') then
    create role hashi_server login;
  end if;
  execute format('grant connect, create on database %I to hashi_installer', current_database());
  execute format('grant connect on database %I to hashi_server', current_database());
end $$;

-- The installer owns the schema "realtime" and all in it, and its functions read what payloads hold.
grant usage on schema public to hashi_installer, hashi_server;
grant select, trigger on
  lobbies, lobby_participants, contracts, contract_players, storage, bounties
  to hashi_installer;

-- The server sees who is where, and who may subscribe.
grant select on lobby_participants to hashi_server;
grant select (id, code, visibility) on lobbies to hashi_server;
grant select (lobby_id, mediator_id) on contracts to hashi_server;

do $$
begin
  if to_regnamespace('realtime') is null then
    raise notice 'Now run "hashi-socket migrate" as hashi_installer, and then this file again.';
    return;
  end if;
  grant usage on schema realtime to hashi_server;
  -- What is installed, so that it can tell whether it is up to date.
  grant select on realtime.migrations, realtime.installed to hashi_server;
  grant execute on function
    realtime.advance(), realtime.read(bigint, integer), realtime.read_for(bigint, integer, text, text[]),
    realtime.moves_of(text, bigint), realtime.holds(bigint, interval, bigint), realtime.kept(),
    realtime.rotate(interval, bigint), realtime.ensure_epoch(), realtime.health()
    to hashi_server;
  -- Messages between instances that do not fit a notification.
  grant select, insert, delete on realtime.attachments to hashi_server;
end $$;
