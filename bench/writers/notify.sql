-- The obvious way, to compare with: the event in a notification, sent by the trigger.
create function notify_contract() returns trigger language plpgsql as $$
begin
  perform pg_notify('changes', json_build_object(
    'type', 'contract.decision_contested', 'contractId', new.id, 'timestamp', clock_timestamp(), 'payload', to_jsonb(new)
  )::text);
  return null;
end
$$;
create trigger notify_contract after update on contracts for each row execute function notify_contract();
