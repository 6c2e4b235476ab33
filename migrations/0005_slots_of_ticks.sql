-- What numbers knows by these which slots can have something new: transactions from `turned` on have written into the tick's slot
-- and later ones alone, from `since` on into that and the one before.
alter table realtime.ticks add column turned xid8, add column since xid8;
--> statement-breakpoint
-- It has more parameters now, which may be left out: whoever may call the old one may call the new one.
do $$
declare
  grantee text;
begin
  if to_regprocedure('realtime.follow(bigint, integer)') is null then
    return;
  end if;
  create function realtime.follow(
    after bigint, most integer, hold boolean default false, held boolean default false, counted bigint default null
  )
  returns table (seq bigint, type text, room text, player text, effect text, member text, data text, failed boolean, at double precision)
  language sql as 'select null::bigint, null, null, null, null, null, null, null::boolean, null::double precision';
  revoke all on function realtime.follow(bigint, integer, boolean, boolean, bigint) from public;
  for grantee in
    select g.grantee::regrole::text from pg_proc p, aclexplode(p.proacl) g
    where p.oid = to_regprocedure('realtime.follow(bigint, integer)') and g.grantee not in (0, p.proowner)
  loop
    execute format(
      'grant execute on function realtime.follow(bigint, integer, boolean, boolean, bigint) to %s', grantee
    );
  end loop;
  drop function realtime.follow(bigint, integer);
end $$;
