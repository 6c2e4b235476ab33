-- Rings once a transaction, as late as it can: when the transaction commits. NOTIFY holds a database-wide lock
-- until after the flush, so only one committing transaction at a time rings; who does not get the bell's lock
-- skips it, for somebody else's ring is on its way. Whoever does not ring is counted, at once and for good: readers that see
-- the count grow look again until it has committed.
--
-- It runs at every commit of an event, and an expression costs by its length, anew in every transaction: what only some commits need is
-- apart, and the rest is asked in one expression, whose parts are taken in turn. A PERFORM would start a query for each.
create or replace function realtime.ring() returns trigger
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
declare
  query text;
  calls text;
  early boolean;
  silent boolean;
begin
  -- Called for every event of the transaction: the first call rings.
  if current_setting('realtime.rung', true) = 'yes' then
    return null;
  end if;
  -- A commit that a driver asks for with the statement itself, in one round trip, has no query any more: there is
  -- nothing to tell apart.
  if current_query() is not null then
    query := current_query();
    -- At a commit nobody has called us, or a procedure's COMMIT has. Anything else is SET CONSTRAINTS … IMMEDIATE.
    get diagnostics calls = pg_context;
    early := (calls like E'%\n%' and calls !~ '^[^\n]*\n[^\n]* COMMIT(\n|$)')
      or left(query, 200) ilike '%set%constraints%';
    -- PREPARE TRANSACTION refuses a transaction that has notified; the readers' sweep finds it instead. Rung early,
    -- nobody knows what is to come.
    if current_setting('max_prepared_transactions') <> '0' then
      silent := early or query ilike any (array['%prepare%transaction%', '%set%constraints%']);
    end if;
  end if;
  -- No part may be null: "null and false" is false, but "null and pg_notify()" notifies.
  if set_config('realtime.rung', 'yes', true) = 'yes' and not (
      silent is not true
      -- The lock is held until the end of the transaction: rung early, that may be an hour of nobody else's ringing.
      and (early is true or pg_try_advisory_xact_lock(748177132, hashtext(current_database())))
      -- A full queue of notifications would fail the commit: a listener of somebody else's hangs, and ours can sweep.
      and pg_notification_queue_usage() < 0.5
      and pg_notify('hashi_bell', '') is not null
    )
    and nextval('realtime.skipped') is null
  then
    return null;
  end if;
  return null;
end
$$;
revoke all on function realtime.ring() from public;
