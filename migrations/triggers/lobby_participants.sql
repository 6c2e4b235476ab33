-- Generated from src/catalog by "npm run triggers": change the catalogue, not this file.
-- Writes the events of public.lobby_participants to the log, in the transaction of the change.
create or replace function realtime.on_lobby_participants() returns trigger
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
set enable_seqscan = off set jit = off
as $trigger$
<<change>>
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
  foreach leaving in array array[true, false] loop
    events := '{}';
    begin
      if leaving then
        if tg_op = 'INSERT' then continue; end if;
        if tg_op = 'UPDATE' and not (new.lobby_id is distinct from old.lobby_id or new.player_id is distinct from old.player_id) then return null; end if;
        changed := old; events := events || text 'lobby.left'; effect := 'leave';
      else
        if tg_op = 'DELETE' then continue; end if;
        changed := new; events := events || text 'lobby.joined'; effect := 'join';
      end if;
      member := changed.player_id;
      if cardinality(events) > 0 then
        select * into subject from public.lobbies t where t.id = changed.lobby_id;
        if not found then
          -- The lobby is gone, and its memberships with it: its own event closes the room.
          events := '{}';
          insert into realtime.events (type, room, effect, member, occurred_at)
          values ('realtime.ended', 'lobby:' || changed.lobby_id, 'ended', member, at);
        end if;
      end if;
      if cardinality(events) > 0 then
        room := 'lobby:' || subject.id;
        select concat(
          '"lobbyId":', coalesce(to_json(subject.id), 'null'),
          ',"lobbyCode":', coalesce(to_json(subject.code), 'null'),
          ',"timestamp":"', realtime.iso(change.at), '","payload":',
          row_to_json(o.*), '}'
        ) into body
        from (
          select
            (
              select row_to_json(o) from (
                select
                  subject.id as "id",
                  subject.code as "code",
                  subject.name as "name",
                  subject.host_id as "hostId",
                  subject.visibility as "visibility",
                  subject.status as "status",
                  subject.max_players as "maxPlayers",
                  realtime.iso(subject.created_at) as "createdAt",
                  realtime.iso(subject.updated_at) as "updatedAt",
                  array_to_json(array(
                    select row_to_json(o.*) from public.lobby_participants t, lateral (
                      select
                        t.player_id as "playerId",
                        t.role as "role",
                        realtime.iso(t.created_at) as "createdAt"
                    ) o
                    where t.lobby_id = subject.id
                    order by t.player_id collate "C"
                  )) as "participants"
              ) o
            ) as "lobby",
            changed.player_id as "playerId",
            (select count(*) from public.lobby_participants t where t.lobby_id = subject.id) as "participantCount"
        ) o;
      end if;
    exception
      when data_exception or syntax_error_or_access_rule_violation or internal_error
        or cardinality_violation or feature_not_supported or program_limit_exceeded then
        get stacked diagnostics failure = message_text, state = returned_sqlstate;
        broken := case when leaving then to_jsonb(old) else to_jsonb(new) end;
        perform realtime.quarantine(
          'lobby:event', 'public.lobby_participants', tg_op, broken, array['lobby_id', 'player_id'],
          'lobby:' || (broken->>'lobby_id'), 'reset', broken->>'player_id', state, failure, events
        );
        events := '{}';
    end;
    foreach event in array events loop
      insert into realtime.events (type, room, effect, member, data, occurred_at)
      values (event, room, effect, member, '{"type":"' || event || '",' || body, at);
    end loop;
  end loop;
  return null;
end
$trigger$;
revoke all on function realtime.on_lobby_participants() from public;
