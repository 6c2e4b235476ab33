-- Rows of the log mean something in the database that made them alone. Restored into another one, without what they
-- belong to, they would be told as changes of now, or hide them: such a restore is refused. NOT VALID is
-- why a restore of the whole database works: pg_dump adds such constraints after the data.
alter table realtime.events add constraint not_from_another_database
  check (xid = pg_current_xact_id()) not valid;
--> statement-breakpoint
-- A second for clocks that are set back.
alter table realtime.ticks add constraint not_from_another_database
  check (at > now() - interval '1 second') not valid;
