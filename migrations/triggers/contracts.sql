-- Generated from src/catalog by "npm run triggers": change the catalogue, not this file.
-- Writes the events of public.contracts to the log, in the transaction of the change.
create or replace function realtime.on_contracts() returns trigger
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
  -- contract:event
  events := '{}';
  begin
    if tg_op = 'UPDATE' then
      if old.mediator_id is not null then
        if new.lobby_id is distinct from old.lobby_id or new.mediator_id is distinct from old.mediator_id then ending := old.lobby_id::text; end if;
      end if;
      if new.status is distinct from old.status then
        if new.status = 'initializing' then events := events || text 'contract.initializing'; end if;
        if new.status = 'initialized' then events := events || text 'contract.initialized'; end if;
      end if;
      if new.contested_at is distinct from old.contested_at then
        if new.contested_at is not null then events := events || text 'contract.decision_contested'; end if;
      end if;
      if new.mediation_submitted_at is distinct from old.mediation_submitted_at then
        if new.mediation_submitted_at is not null then events := events || text 'contract.mediation_submitted'; end if;
      end if;
      if new.admin_decided_at is distinct from old.admin_decided_at then
        if new.admin_decided_at is not null then events := events || text 'contract.admin_decision'; end if;
      end if;
      if new.payout_finalized_at is distinct from old.payout_finalized_at then
        if new.payout_finalized_at is not null then events := events || text 'contract.payout_finalized'; end if;
      end if;
      if new.deleted_at is distinct from old.deleted_at then
        if new.deleted_at is not null then events := events || text 'contract.deleted'; end if;
      end if;
    elsif tg_op = 'INSERT' then
      events := events || text 'contract.created';
    else
      if old.mediator_id is not null then ending := old.lobby_id::text; end if;
      new := old;
      if old.deleted_at is null then events := events || text 'contract.deleted'; end if;
    end if;
    if cardinality(events) > 0 then
      if new.lobby_id is not null then
        select t.code into found_1
        from public.lobbies t where t.id = new.lobby_id;
      end if;
      select concat(
        '"contractId":', coalesce(to_json(new.id), 'null'),
        ',"lobbyId":', coalesce(to_json(change.found_1), 'null'),
        ',"timestamp":"', realtime.iso(change.at), '","payload":',
        row_to_json(o.*), '}'
      ) into body
      from (
        select
          new.id as "id",
          new.lobby_id as "lobbyId",
          new.status as "status",
          new.chain_id as "chainId",
          new.address as "address",
          new.token as "token",
          new.stake_amount::text as "stakeAmount",
          new.terms as "terms",
          new.mediator_id as "mediatorId",
          new.tx_hash as "txHash",
          realtime.iso(new.initialized_at) as "initializedAt",
          new.contested_by as "contestedBy",
          realtime.iso(new.contested_at) as "contestedAt",
          new.mediation_decision as "mediationDecision",
          realtime.iso(new.mediation_submitted_at) as "mediationSubmittedAt",
          new.admin_decision as "adminDecision",
          realtime.iso(new.admin_decided_at) as "adminDecidedAt",
          new.payout_tx_hash as "payoutTxHash",
          realtime.iso(new.payout_finalized_at) as "payoutFinalizedAt",
          realtime.iso(new.deleted_at) as "deletedAt",
          realtime.iso(new.created_at) as "createdAt",
          realtime.iso(new.updated_at) as "updatedAt",
          found_1 as "lobbyCode",
          array_to_json(array(
            select row_to_json(o.*) from public.contract_players t, lateral (
              select
                t.player_id as "playerId",
                t.stake_amount::text as "stakeAmount",
                realtime.iso(t.funded_at) as "fundedAt",
                t.funding_tx_hash as "fundingTxHash",
                t.outcome as "outcome",
                t.outcome_proof as "outcomeProof",
                realtime.iso(t.attested_at) as "attestedAt",
                t.payout_amount::text as "payoutAmount",
                realtime.iso(t.created_at) as "createdAt",
                realtime.iso(t.updated_at) as "updatedAt"
            ) o
            where t.contract_id = new.id
            order by t.player_id collate "C"
          )) as "players"
      ) o;
    end if;
  exception
    when data_exception or syntax_error_or_access_rule_violation or internal_error
      or cardinality_violation or feature_not_supported or program_limit_exceeded then
      get stacked diagnostics failure = message_text, state = returned_sqlstate;
      broken := to_jsonb(coalesce(new, old));
      perform realtime.quarantine(
        'contract:event', 'public.contracts', tg_op, broken, array['id'],
        null, null, null, state, failure, events
      );
      events := '{}';
      if tg_op <> 'INSERT' then ending := to_jsonb(old)->>'lobby_id'; end if;
  end;
  foreach event in array events loop
    insert into realtime.events (type, room, data, occurred_at)
    values (event, '*', '{"type":"' || event || '",' || body, at);
  end loop;
  -- a right to subscribe may have ended
  if ending is not null then perform realtime.tell_rights(ending); end if;
  return null;
end
$trigger$;
revoke all on function realtime.on_contracts() from public;
