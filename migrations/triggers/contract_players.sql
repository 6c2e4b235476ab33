-- Generated from src/catalog by "npm run triggers": change the catalogue, not this file.
-- Writes the events of public.contract_players to the log, in the transaction of the change.
create or replace function realtime.on_contract_players() returns trigger
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
      if new.funded_at is distinct from old.funded_at then
        if new.funded_at is not null then events := events || text 'contract.payment_transferred'; end if;
      end if;
      if new.attested_at is distinct from old.attested_at then
        if new.attested_at is not null then events := events || text 'contract.outcome_attested'; end if;
      end if;
    elsif tg_op = 'INSERT' then
      if new.funded_at is not null then events := events || text 'contract.payment_transferred'; end if;
      if new.attested_at is not null then events := events || text 'contract.outcome_attested'; end if;
    else
      new := old;
    end if;
    if cardinality(events) > 0 then
      select * into subject from public.contracts t where t.id = new.contract_id;
      if not found then events := '{}'; end if;
    end if;
    if cardinality(events) > 0 then
      if subject.lobby_id is not null then
        select t.code into found_1
        from public.lobbies t where t.id = subject.lobby_id;
      end if;
      select concat(
        '"contractId":', coalesce(to_json(subject.id), 'null'),
        ',"lobbyId":', coalesce(to_json(change.found_1), 'null'),
        ',"timestamp":"', realtime.iso(change.at), '","payload":',
        row_to_json(o.*), '}'
      ) into body
      from (
        select
          subject.id as "id",
          subject.lobby_id as "lobbyId",
          subject.status as "status",
          subject.chain_id as "chainId",
          subject.address as "address",
          subject.token as "token",
          subject.stake_amount::text as "stakeAmount",
          subject.terms as "terms",
          subject.mediator_id as "mediatorId",
          subject.tx_hash as "txHash",
          realtime.iso(subject.initialized_at) as "initializedAt",
          subject.contested_by as "contestedBy",
          realtime.iso(subject.contested_at) as "contestedAt",
          subject.mediation_decision as "mediationDecision",
          realtime.iso(subject.mediation_submitted_at) as "mediationSubmittedAt",
          subject.admin_decision as "adminDecision",
          realtime.iso(subject.admin_decided_at) as "adminDecidedAt",
          subject.payout_tx_hash as "payoutTxHash",
          realtime.iso(subject.payout_finalized_at) as "payoutFinalizedAt",
          realtime.iso(subject.deleted_at) as "deletedAt",
          realtime.iso(subject.created_at) as "createdAt",
          realtime.iso(subject.updated_at) as "updatedAt",
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
            where t.contract_id = subject.id
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
        'contract:event', 'public.contract_players', tg_op, broken, array['contract_id', 'player_id'],
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
revoke all on function realtime.on_contract_players() from public;
