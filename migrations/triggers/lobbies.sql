-- Generated from src/catalog by "npm run triggers": change the catalogue, not this file.
-- Writes the events of public.lobbies to the log, in the transaction of the change.
create or replace function realtime.on_lobbies() returns trigger
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set jit = off
as $trigger$
<<change>>
declare
  at constant timestamptz := clock_timestamp();
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
  if tg_op <> 'UPDATE' then
    if tg_op = 'TRUNCATE' then
      insert into realtime.events (type, room, effect, occurred_at)
      values ('realtime.truncated', '*', 'reset', at);
      return null;
    end if;
    -- A dump that is being loaded: every one of pg_dump's begins with these settings, and none has an UPDATE.
    if current_setting('row_security') = 'off' and current_setting('check_function_bodies') = 'off' then
      perform realtime.restoring();
      return null;
    end if;
  end if;
  -- lobby:event
  events := '{}';
  effect := null;
  begin
    if tg_op = 'UPDATE' then
      if new.visibility is distinct from old.visibility then ending := old.id::text; end if;
    elsif tg_op = 'INSERT' then
      events := events || text 'lobby.created';
    else
      new := old;
      events := events || text 'lobby.deleted'; effect := 'close';
    end if;
    if cardinality(events) > 0 then
      room := 'lobby:' || new.id;
      if tg_op = 'INSERT' then player := new.host_id; end if;
      select concat(
        '"lobbyId":', coalesce(to_json(new.id), 'null'),
        ',"lobbyCode":', coalesce(to_json(new.code), 'null'),
        ',"timestamp":"', realtime.iso(change.at), '","payload":',
        row_to_json(o.*), '}'
      ) into body
      from (
        select
          (
            select row_to_json(o) from (
              select
                new.id as "id",
                new.code as "code",
                new.name as "name",
                new.host_id as "hostId",
                new.visibility as "visibility",
                new.status as "status",
                new.max_players as "maxPlayers",
                realtime.iso(new.created_at) as "createdAt",
                realtime.iso(new.updated_at) as "updatedAt",
                array_to_json(array(
                  select row_to_json(o.*) from public.lobby_participants t, lateral (
                    select
                      t.player_id as "playerId",
                      t.role as "role",
                      realtime.iso(t.created_at) as "createdAt"
                  ) o
                  where t.lobby_id = new.id
                  order by t.player_id collate "C"
                )) as "participants"
            ) o
          ) as "lobby",
          null::text as "playerId",
          (select count(*) from public.lobby_participants t where t.lobby_id = new.id) as "participantCount"
      ) o;
    end if;
  exception
    when data_exception or syntax_error_or_access_rule_violation or internal_error
      or cardinality_violation or feature_not_supported or program_limit_exceeded then
      get stacked diagnostics failure = message_text, state = returned_sqlstate;
      broken := to_jsonb(coalesce(new, old));
      perform realtime.quarantine(
        'lobby:event', 'public.lobbies', tg_op, broken, array['id'],
        'lobby:' || (broken->>'id'), case when tg_op = 'DELETE' then 'close' end, null, state, failure, events
      );
      events := '{}';
      if tg_op <> 'INSERT' then ending := to_jsonb(old)->>'id'; end if;
  end;
  foreach event in array events loop
    insert into realtime.events (type, room, player, effect, data, occurred_at)
    values (event, room, player, effect, '{"type":"' || event || '",' || body, at);
  end loop;
  -- a right to subscribe may have ended
  if ending is not null then perform realtime.tell_rights(ending); end if;
  return null;
end
$trigger$;
revoke all on function realtime.on_lobbies() from public;
