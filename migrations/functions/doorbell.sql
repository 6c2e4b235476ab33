-- Rings once a transaction, as late as it can: when the transaction commits. NOTIFY holds a database-wide lock
-- until after the flush, so only one committing transaction at a time rings; who does not get the bell's lock
-- skips it, for somebody else's ring is on its way and readers look again shortly after every event.
create or replace function realtime.ring() returns trigger
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
declare
  calls text;
  early boolean;
begin
  -- Called for every event of the transaction: the first call rings.
  if current_setting('realtime.rung', true) = 'yes' then
    return null;
  end if;
  perform set_config('realtime.rung', 'yes', true);
  -- At a commit nobody has called us, or a procedure's COMMIT has. Anything else is SET CONSTRAINTS … IMMEDIATE.
  get diagnostics calls = pg_context;
  early := (calls like E'%\n%' and calls !~ '^[^\n]*\n[^\n]* COMMIT(\n|$)')
    or left(current_query(), 200) ilike '%set%constraints%';
  -- PREPARE TRANSACTION refuses a transaction that has notified; the readers' sweep finds it instead. Rung early,
  -- nobody knows what is to come.
  if current_setting('max_prepared_transactions') <> '0'
     and (early or current_query() ilike any (array['%prepare%transaction%', '%set%constraints%']))
  then
    return null;
  end if;
  -- A full queue of notifications would fail the commit: a listener of somebody else's hangs, and ours can sweep.
  -- The lock is held until the end of the transaction: rung early, that may be an hour of nobody else's ringing.
  if (early or pg_try_advisory_xact_lock(748177132, hashtext(current_database()))) and pg_notification_queue_usage() < 0.5 then
    perform pg_notify('hashi_bell', '');
  end if;
  return null;
end
$$;
revoke all on function realtime.ring() from public;
