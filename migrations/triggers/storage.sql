-- Generated from src/catalog by "npm run triggers": change the catalogue, not this file.
-- Writes the events of public.storage to the log, in the transaction of the change.
create or replace function realtime.on_storage() returns trigger
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
      values ('realtime.truncated', '*', null, at);
      return null;
    end if;
    -- A dump that is being loaded: every one of pg_dump's begins with these settings, and none has an UPDATE.
    if current_setting('row_security') = 'off' and current_setting('check_function_bodies') = 'off' then
      perform realtime.restoring();
      return null;
    end if;
  end if;
  -- storage:event
  events := '{}';
  begin
    if tg_op = 'UPDATE' then
      if new.status is distinct from old.status then
        if new.status = 'completed' and new.kind = 'multipart' then events := events || text 'storage.multipart_completed'; end if;
        if new.status = 'aborted' and new.kind = 'multipart' then events := events || text 'storage.multipart_aborted'; end if;
      end if;
    elsif tg_op = 'INSERT' then
      if new.kind = 'external_url' then events := events || text 'storage.external_url_created'; end if;
      if new.kind = 'presigned_url' then events := events || text 'storage.presigned_url_created'; end if;
    else
      new := old;
      events := events || text 'storage.deleted';
    end if;
    if cardinality(events) > 0 then
      room := 'lobby:' || (select t.lobby_id from public.contracts t where t.id = new.contract_id);
      select concat(
        '"storageId":', coalesce(to_json(new.id), 'null'),
        ',"contractId":', coalesce(to_json(new.contract_id), 'null'),
        ',"lobbyId":', coalesce(to_json((select o.code from public.contracts t join public.lobbies o on o.id = t.lobby_id where t.id = new.contract_id)), 'null'),
        ',"playerId":', coalesce(to_json(new.player_id), 'null'),
        ',"timestamp":"', realtime.iso(change.at), '","payload":',
        row_to_json(o.*), '}'
      ) into body
      from (
        select
          (
            select row_to_json(o) from (
              select
                new.id as "id",
                new.contract_id as "contractId",
                new.player_id as "playerId",
                new.kind as "kind",
                new.status as "status",
                new.url as "url",
                new.object_key as "objectKey",
                realtime.iso(new.presigned_expires_at) as "presignedExpiresAt",
                new.content_type as "contentType",
                new.size_bytes::text as "sizeBytes",
                realtime.iso(new.created_at) as "createdAt",
                realtime.iso(new.updated_at) as "updatedAt",
                (select o.code from public.contracts t join public.lobbies o on o.id = t.lobby_id where t.id = new.contract_id) as "lobbyCode"
            ) o
          ) as "storage"
      ) o;
    end if;
  exception
    when data_exception or syntax_error_or_access_rule_violation or internal_error
      or cardinality_violation or feature_not_supported or program_limit_exceeded then
      get stacked diagnostics failure = message_text, state = returned_sqlstate;
      broken := to_jsonb(coalesce(new, old));
      perform realtime.quarantine(
        'storage:event', 'public.storage', tg_op, broken, array['id'],
        null, null, null, state, failure, events
      );
      events := '{}';
  end;
  foreach event in array events loop
    insert into realtime.events (type, room, data, occurred_at)
    values (event, room, '{"type":"' || event || '",' || body, at);
  end loop;
  return null;
end
$trigger$;
revoke all on function realtime.on_storage() from public;
