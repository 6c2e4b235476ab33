-- Events that could not be built, and that somebody has seen to since: told after all, or laid aside.
-- Beside the log, for what stands in that is never changed.
create table realtime.settled (
  event_id bigint primary key,  -- realtime.events.id
  how text not null check (how in ('replayed', 'dropped')),
  events text[] not null,       -- what was told
  at timestamptz not null default clock_timestamp()
);
