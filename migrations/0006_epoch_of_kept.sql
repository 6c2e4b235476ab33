-- It tells the epoch, too, for which it must be made anew: whoever may call the old one may call the new one.
do $$
declare
  grantees text;
begin
  if to_regprocedure('realtime.kept()') is null then
    return;
  end if;
  select string_agg(g.grantee::regrole::text, ', ') into grantees
  from pg_proc p, aclexplode(p.proacl) g
  where p.oid = to_regprocedure('realtime.kept()') and g.grantee not in (0, p.proowner);
  drop function realtime.kept();
  create function realtime.kept() returns table (floor bigint, epoch text)
  language sql as 'select null::bigint, null';
  revoke all on function realtime.kept() from public;
  if grantees is not null then
    execute format('grant execute on function realtime.kept() to %s', grantees);
  end if;
end $$;
