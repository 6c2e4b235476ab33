-- What numbers knows by these which slots can have something new: transactions from `turned` on have written into the tick's slot
-- and later ones alone, from `since` on into that and the one before.
alter table realtime.ticks add column turned xid8, add column since xid8;
--> statement-breakpoint
-- Of more parameters now, which may be left out.
drop function if exists realtime.follow(bigint, integer);
