-- Generated from src/catalog by "npm run triggers": change the catalogue, not this file.
-- Writes the events of public.lobbies to the log, in the transaction of the change.
create or replace function realtime.on_lobbies() returns trigger
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $trigger$
declare
  at constant timestamptz := clock_timestamp();
  changed record;
  subject record;
  events text[];
  event text;
  room text;
  player text;
  effect text;
  member text;
  body text;
  leaving boolean;
  ending text;
  broken jsonb;
  failure text;
  state text;
begin
  if tg_op = 'TRUNCATE' then
    insert into realtime.events (type, room, effect, occurred_at)
    values ('realtime.truncated', '*', 'reset', at);
    return null;
  end if;
  -- A dump that is being loaded: every one of pg_dump's begins with these settings.
  if current_setting('row_security') = 'off' and current_setting('check_function_bodies') = 'off' then
    perform realtime.restoring();
    return null;
  end if;
  -- lobby:event
  events := '{}';
  effect := null;
  begin
    if tg_op = 'UPDATE' and (new.visibility is distinct from old.visibility) then
      ending := old.id::text;
    end if;
    if tg_op = 'INSERT' then
      changed := new;
      events := events || text 'lobby.created';
    elsif tg_op = 'UPDATE' then
      changed := new;
      null;
    else
      changed := old;
      events := events || text 'lobby.deleted'; effect := 'close';
    end if;
    if cardinality(events) > 0 then
      room := 'lobby:' || changed.id;
      if tg_op = 'INSERT' then player := changed.host_id; end if;
      body := (
        select row_to_json(o) from (
          select
            changed.id as "lobbyId",
            changed.code as "lobbyCode",
            realtime.iso(at) as "timestamp",
            (
              select row_to_json(o) from (
                select
                  (
                    select row_to_json(o) from (
                      select
                        changed.id as "id",
                        changed.code as "code",
                        changed.name as "name",
                        changed.host_id as "hostId",
                        changed.visibility as "visibility",
                        changed.status as "status",
                        changed.max_players as "maxPlayers",
                        realtime.iso(changed.created_at) as "createdAt",
                        realtime.iso(changed.updated_at) as "updatedAt",
                        (
                          select coalesce('[' || string_agg(row_to_json(o)::text, ',' order by t.player_id collate "C") || ']', '[]')::json
                          from public.lobby_participants t
                          cross join lateral (
                            select
                              t.player_id as "playerId",
                              t.role as "role",
                              realtime.iso(t.created_at) as "createdAt"
                          ) o
                          where t.lobby_id = changed.id
                        ) as "participants"
                    ) o
                  ) as "lobby",
                  null::text as "playerId",
                  (select count(*) from public.lobby_participants t where t.lobby_id = changed.id) as "participantCount"
              ) o
            ) as "payload"
        ) o
      )::text;
    end if;
  exception
    when data_exception or syntax_error_or_access_rule_violation or internal_error
      or feature_not_supported or program_limit_exceeded then
      get stacked diagnostics failure = message_text, state = returned_sqlstate;
      broken := to_jsonb(coalesce(new, old));
      perform realtime.quarantine(
        'lobby:event', 'public.lobbies', tg_op, broken, array['id'],
        'lobby:' || (broken->>'id'), case when tg_op = 'DELETE' then 'close' end, null, state, failure
      );
      events := '{}';
      if tg_op <> 'INSERT' then ending := to_jsonb(old)->>'id'; end if;
  end;
  foreach event in array events loop
    insert into realtime.events (type, room, player, effect, member, data, occurred_at)
    values (event, room, player, effect, member, '{"type":"' || event || '",' || right(body, -1), at);
  end loop;
  -- a right to subscribe may have ended
  if ending is not null then perform realtime.tell_rights(ending); end if;
  return null;
end
$trigger$;
revoke all on function realtime.on_lobbies() from public;
