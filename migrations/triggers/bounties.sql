-- Generated from src/catalog by "npm run triggers": change the catalogue, not this file.
-- Writes the events of public.bounties to the log, in the transaction of the change.
create or replace function realtime.on_bounties() returns trigger
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
    values ('realtime.truncated', '*', null, at);
    return null;
  end if;
  -- A dump that is being loaded: every one of pg_dump's begins with these settings.
  if current_setting('row_security') = 'off' and current_setting('check_function_bodies') = 'off' then
    perform realtime.restoring();
    return null;
  end if;
  -- bounty:event
  events := '{}';
  effect := null;
  begin
    if tg_op = 'INSERT' then
      changed := new;
      events := events || text 'bounty.created';
    elsif tg_op = 'UPDATE' then
      changed := new;
      if new.claimed_at is not null and new.claimed_at is distinct from old.claimed_at then events := events || text 'bounty.claimed'; end if;
      if new.completed_at is not null and new.completed_at is distinct from old.completed_at then events := events || text 'bounty.completed'; end if;
      if new.cancelled_at is not null and new.cancelled_at is distinct from old.cancelled_at then events := events || text 'bounty.cancelled'; end if;
    else
      changed := old;
      events := events || text 'bounty.deleted';
    end if;
    if cardinality(events) > 0 then
      room := '*';
      body := (
        select row_to_json(o) from (
          select
            changed.id as "bountyId",
            (select t.code from public.lobbies t where t.id = changed.lobby_id) as "lobbyId",
            realtime.iso(at) as "timestamp",
            (
              select row_to_json(o) from (
                select
                  changed.id as "id",
                  changed.lobby_id as "lobbyId",
                  changed.title as "title",
                  changed.reward_amount::text as "rewardAmount",
                  changed.token as "token",
                  changed.status as "status",
                  changed.created_by as "createdBy",
                  changed.claimed_by as "claimedBy",
                  realtime.iso(changed.claimed_at) as "claimedAt",
                  realtime.iso(changed.completed_at) as "completedAt",
                  realtime.iso(changed.cancelled_at) as "cancelledAt",
                  realtime.iso(changed.created_at) as "createdAt",
                  realtime.iso(changed.updated_at) as "updatedAt",
                  (select t.code from public.lobbies t where t.id = changed.lobby_id) as "lobbyCode"
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
        'bounty:event', 'public.bounties', tg_op, broken, array['id'],
        null, null, null, state, failure
      );
      events := '{}';
  end;
  foreach event in array events loop
    insert into realtime.events (type, room, player, effect, member, data, occurred_at)
    values (event, room, player, effect, member, '{"type":"' || event || '",' || right(body, -1), at);
  end loop;
  return null;
end
$trigger$;
revoke all on function realtime.on_bounties() from public;
