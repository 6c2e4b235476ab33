-- Rings once a transaction, as late as it can: when the transaction commits. NOTIFY holds a database-wide lock
-- until after the flush, so only one committing transaction at a time rings; who does not get the bell's lock
-- skips it, for somebody else's ring is on its way and readers look again shortly after every event.
create or replace function realtime.ring() returns trigger
language plpgsql security definer
set search_path = pg_catalog, realtime, pg_temp
as $$
begin
  -- PREPARE TRANSACTION refuses a transaction that has notified; the readers' sweep finds it instead.
  if current_setting('max_prepared_transactions') <> '0' and current_query() ilike '%prepare%transaction%' then
    return null;
  end if;
  if pg_try_advisory_xact_lock(748177132, hashtext(current_database())) then
    perform pg_notify('hashi_bell', '');
  end if;
  return null;
end
$$;
revoke all on function realtime.ring() from public;
