-- The ordered log. Business tables are written by other services; everything of this server lives in here.
create schema if not exists realtime;
--> statement-breakpoint
revoke all on schema realtime from public;
--> statement-breakpoint
-- Rows go to one of eight slots, taken in turn as time passes, so that old ones leave by TRUNCATE: no dead rows.
create sequence realtime.slot minvalue 0 start 0;
--> statement-breakpoint
select setval('realtime.slot', 0);
--> statement-breakpoint
-- Written by the triggers, in the transaction of the change. Never updated.
create table realtime.events (
  id bigint generated always as identity (cache 1),  -- the order of changes of one row
  xid xid8 not null default pg_current_xact_id(),    -- what advance() finds the newly visible by
  slot smallint not null default (pg_sequence_last_value('realtime.slot') % 8),
  type text not null,          -- an event of the catalogue, or realtime.* for what is no event
  room text,                   -- '*' everyone, '<prefix>:<id>' a room, null nobody
  player text,                 -- a player who gets it besides the room
  effect text,                 -- what it does to rooms: join, leave, close, rights, reset
  member text,                 -- the player who joins or leaves
  data text,                   -- the message's "data", final JSON; null for what is no event
  failure jsonb,               -- why an event could not be built, and of which row
  occurred_at timestamptz not null
) partition by list (slot);
--> statement-breakpoint
-- The order: seq is dense. Written by advance() alone.
create table realtime.log (
  seq bigint not null,
  slot smallint not null,
  event_id bigint not null,
  event_xid xid8 not null,
  event_slot smallint not null,
  member text                  -- the event's, here for finding a player's joins and leaves by seq
) partition by list (slot);
--> statement-breakpoint
-- One row for every advance() that found something: up to seq, all that snapshot sees is in the log.
create table realtime.ticks (
  tick bigint not null,
  slot smallint not null,
  seq bigint not null,
  snapshot pg_snapshot not null,
  at timestamptz not null default clock_timestamp()
) partition by list (slot);
--> statement-breakpoint
do $$
begin
  for slot in 0..7 loop
    execute format('create table realtime.events_%s partition of realtime.events for values in (%s)', slot, slot);
    execute format('create table realtime.log_%s partition of realtime.log for values in (%s)', slot, slot);
    execute format('create table realtime.ticks_%s partition of realtime.ticks for values in (%s)', slot, slot);
  end loop;
end $$;
--> statement-breakpoint
create index events_xid_id on realtime.events (xid, id);
--> statement-breakpoint
create index events_failed on realtime.events (id) where failure is not null;
--> statement-breakpoint
create unique index log_seq on realtime.log (seq, slot);
--> statement-breakpoint
create index log_member on realtime.log (member, seq) where member is not null;
--> statement-breakpoint
create index log_straggler on realtime.log (event_slot, seq) where event_slot <> slot;
--> statement-breakpoint
create unique index ticks_tick on realtime.ticks (tick, slot);
--> statement-breakpoint
-- One row, locked by whoever numbers and never updated: an update a tick would leave a dead row a tick.
create table realtime.sequencer (one boolean primary key default true check (one));
--> statement-breakpoint
insert into realtime.sequencer default values;
--> statement-breakpoint
-- One row, written when the epoch changes or a slot is dropped.
create table realtime.state (
  one boolean primary key default true check (one),
  epoch text not null,               -- part of every cursor
  cluster text not null,             -- system identifier, timeline and database the epoch belongs to
  floor bigint not null default 0,   -- the newest seq that is no longer kept
  secret text not null default replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')  -- signs Socket.IO sessions
);
--> statement-breakpoint
-- Messages between instances that do not fit a notification.
create table realtime.attachments (
  id bigint generated always as identity primary key,
  created_at timestamptz not null default now(),
  payload bytea
);
--> statement-breakpoint
-- Triggers and functions that are installed, with a hash of their text.
create table realtime.installed (name text primary key, hash text not null, at timestamptz not null default now());
--> statement-breakpoint
-- The first tick: what was written before it is no event.
insert into realtime.ticks (tick, slot, seq, snapshot) values (0, 0, 0, pg_current_snapshot());
--> statement-breakpoint
-- ISO 8601, UTC, milliseconds, Z: the one form of a timestamp on the wire.
create function realtime.iso(at timestamptz) returns text
language sql stable parallel safe
as $$ select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
--> statement-breakpoint
revoke all on function realtime.iso(timestamptz) from public;
