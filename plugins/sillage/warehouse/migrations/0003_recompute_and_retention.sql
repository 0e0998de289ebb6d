-- What an admin asks a run for besides its window, and what retention has taken away for good.
create table ops.recompute (
    run_id text not null references ops.run (run_id) on delete cascade,
    delivery_id text,
    unique nulls not distinct (run_id, delivery_id)
);
comment on table ops.recompute is
    'One row per run and delivery that the run recomputes: events read anew, counters counted from nothing. A null delivery means all.';

create table ops.dropped_partition (
    table_name text not null,
    partition_name text not null,
    newest_at timestamptz not null,
    dropped_at timestamptz not null default now(),
    primary key (table_name, partition_name, dropped_at)
);
comment on table ops.dropped_partition is
    'One row per partition that retention dropped; newest_at is the end of its day, or the time of its newest event.';

create table ops.closed_delivery (
    delivery_id text primary key,
    closed_at timestamptz not null default now()
);
comment on table ops.closed_delivery is
    'One row per delivery whose events retention has dropped: its statistics stay as they were, and what still comes for it is counted as a record without event.';

create table ops.expired_hour (
    window_start timestamptz primary key,
    expired_at timestamptz not null default now()
);
comment on table ops.expired_hour is
    'One row per hour of arrival of which retention has dropped events: it cannot be run again, because they would be counted twice.';

alter table ops.landed_file add column is_dropped boolean not null default false;
comment on column ops.landed_file.is_dropped is
    'Whether retention has dropped the file''s rows from raw: an hour that is run again needs the file in the landing zone.';
