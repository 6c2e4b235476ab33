-- Two roles, and no more than they need. Run it as the owner of the database and of the business tables, with psql;
-- to make the roles it takes CREATEROLE, or let somebody who has it make them first:
--
--   psql "$DATABASE_URL" -f deploy/roles.sql     before anything is installed: the installer's schema and rights
--   hashi-socket install                          as hashi_installer; with --dry-run it prints the SQL instead
--   psql "$DATABASE_URL" -f deploy/roles.sql     again: the server's rights, now that there is something to grant
--
-- Where tables or columns have other names, use those here as well; "hashi-socket doctor" says what is not granted. For
-- families over tables of your own: USAGE on their schemas to both, SELECT and TRIGGER on the tables and SELECT on those that
-- payloads look into to the installer, SELECT on the tables of memberships to the server.
-- Then the server runs as hashi_server. It changes no row of yours: whoever gets hold of it reads the log and memberships,
-- and can send to clients what the server API can.

begin;

do $$
begin
  if not exists (select from pg_roles where rolname = 'hashi_installer') then
    create role hashi_installer login;
  end if;
  if not exists (select from pg_roles where rolname = 'hashi_server') then
    create role hashi_server login;
  end if;
  execute format('grant connect on database %I to hashi_installer, hashi_server', current_database());
  -- Only members of a role may give it something, or give away what is its own: we are one until the end of this.
  perform set_config('hashi.member', pg_has_role(current_user, 'hashi_installer', 'usage')::text, true);
  if not current_setting('hashi.member')::boolean then
    execute format('grant hashi_installer to %I', current_user);
  end if;
end $$;

-- The installer owns the schema "realtime" and all in it, and nothing else.
create schema if not exists realtime authorization hashi_installer;

-- Its triggers' functions run with its rights and read what payloads hold.
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
  if to_regclass('realtime.installed') is null then
    raise notice 'Now run "hashi-socket install" as hashi_installer, and then this file again.';
    return;
  end if;
  grant usage on schema realtime to hashi_server;
  -- What is installed, so that it can tell whether it is up to date.
  grant select on realtime.migrations, realtime.installed to hashi_server;
  grant execute on function
    realtime.advance(), realtime.follow(bigint, integer, boolean, boolean, bigint), realtime.read(bigint, integer),
    realtime.read_for(bigint, integer, text, text[]),
    realtime.moves_of(text, bigint), realtime.holds(bigint, interval, bigint), realtime.kept(),
    realtime.rotate(interval, bigint), realtime.ensure_epoch(), realtime.health()
    to hashi_server;
  -- What the Socket.IO server API sends: into the log, and between instances.
  grant execute on function
    realtime.adapter_append(text[], text[]), realtime.adapter_secret(), realtime.adapter_attach(text, text),
    realtime.adapter_attached(bigint), realtime.adapter_forget_attachments(interval)
    to hashi_server;
end $$;

do $$
begin
  if not current_setting('hashi.member')::boolean then
    execute format('revoke hashi_installer from %I', current_user);
  end if;
end $$;

commit;
