-- Generated from src/catalog by "npm run triggers": change the catalogue, not this file.
-- Writes the events of public.bounties to the log, in the transaction of the change.
create or replace function realtime.on_bounties() returns trigger
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
  found_1 text;
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
  -- bounty:event
  events := '{}';
  begin
    if tg_op = 'UPDATE' then
      if new.claimed_at is distinct from old.claimed_at then
        if new.claimed_at is not null then events := events || text 'bounty.claimed'; end if;
      end if;
      if new.completed_at is distinct from old.completed_at then
        if new.completed_at is not null then events := events || text 'bounty.completed'; end if;
      end if;
      if new.cancelled_at is distinct from old.cancelled_at then
        if new.cancelled_at is not null then events := events || text 'bounty.cancelled'; end if;
      end if;
    elsif tg_op = 'INSERT' then
      events := events || text 'bounty.created';
    else
      new := old;
      events := events || text 'bounty.deleted';
    end if;
    if cardinality(events) > 0 then
      if new.lobby_id is not null then
        select t.code into found_1
        from public.lobbies t where t.id = new.lobby_id;
      end if;
      select concat(
        '"bountyId":', coalesce(to_json(new.id), 'null'),
        ',"lobbyId":', coalesce(to_json(change.found_1), 'null'),
        ',"timestamp":"', realtime.iso(change.at), '","payload":',
        row_to_json(o.*), '}'
      ) into body
      from (
        select
          new.id as "id",
          new.lobby_id as "lobbyId",
          new.title as "title",
          new.reward_amount::text as "rewardAmount",
          new.token as "token",
          new.status as "status",
          new.created_by as "createdBy",
          new.claimed_by as "claimedBy",
          realtime.iso(new.claimed_at) as "claimedAt",
          realtime.iso(new.completed_at) as "completedAt",
          realtime.iso(new.cancelled_at) as "cancelledAt",
          realtime.iso(new.created_at) as "createdAt",
          realtime.iso(new.updated_at) as "updatedAt",
          found_1 as "lobbyCode"
      ) o;
    end if;
  exception
    when data_exception or syntax_error_or_access_rule_violation or internal_error
      or cardinality_violation or feature_not_supported or program_limit_exceeded then
      get stacked diagnostics failure = message_text, state = returned_sqlstate;
      broken := to_jsonb(coalesce(new, old));
      perform realtime.quarantine(
        'bounty:event', 'public.bounties', tg_op, broken, array['id'],
        null, null, null, state, failure, events
      );
      events := '{}';
  end;
  foreach event in array events loop
    insert into realtime.events (type, room, data, occurred_at)
    values (event, '*', '{"type":"' || event || '",' || body, at);
  end loop;
  return null;
end
$trigger$;
revoke all on function realtime.on_bounties() from public;
