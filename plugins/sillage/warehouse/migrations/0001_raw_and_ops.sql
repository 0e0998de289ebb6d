-- Schemas, and the tables that Python writes. What dbt builds (intermediate, work, audit, marts) dbt creates itself.
create schema raw;
create schema ops;
create schema work;
create schema intermediate;
create schema audit;
create schema marts;

-- Every raw table has this shape: one row per input record, as received. Partitioned by day of arrival, so that
-- retention drops partitions instead of deleting rows.
create table raw.record_template (
    window_start timestamptz not null,
    file_id bigint not null,
    line_number bigint not null,
    item_number integer not null,
    occurred_at timestamptz,
    payload jsonb not null
);
comment on table raw.record_template is
    'Shape of every raw.<source>: one row per input record. line_number counts from 1; item_number counts the records of one line or document from 0; occurred_at is null where a record carries no time (catalog entries).';

create function raw.ensure_source(source_name text) returns void language plpgsql as $$
begin
    execute format(
        'create table if not exists raw.%I (like raw.record_template) partition by range (window_start)', source_name);
    -- An hour is one part of its day's partition, and lies together: a block range index finds it at almost no cost.
    if not exists (
        select from pg_index where indrelid = format('raw.%I', source_name)::regclass
    ) then
        execute format('create index on raw.%I using brin (window_start)', source_name);
    end if;
end $$;
comment on function raw.ensure_source is 'Create raw.<source> if it is not there. Harmless when repeated.';

-- One day's partition of a table that is partitioned by range of window_start. Attached after creation: creating it
-- as a partition would lock out readers of the parent.
create function ops.ensure_day_partition(table_schema text, table_name text, any_hour timestamptz) returns void
language plpgsql as $$
declare
    first_hour timestamptz := date_trunc('day', any_hour, 'UTC');
    partition_name text := table_name || '_p' || to_char(first_hour at time zone 'UTC', 'YYYYMMDD');
begin
    if to_regclass(format('%I.%I', table_schema, partition_name)) is not null then
        return;
    end if;
    -- A table that is attached must not have an identity column of its own (Postgres 17 and later); the parent's serves.
    execute format('create table %I.%I (like %I.%I including all excluding identity)',
        table_schema, partition_name, table_schema, table_name);
    execute format('alter table %I.%I attach partition %I.%I for values from (%L) to (%L)',
        table_schema, table_name, table_schema, partition_name, first_hour, first_hour + interval '24 hours');
end $$;

create table ops.run (
    run_id text primary key,
    window_start timestamptz not null,
    window_end timestamptz not null,
    state text not null check (state in ('running', 'published', 'failed')),
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    message text,
    check (window_start < window_end)
);
comment on table ops.run is 'One row per run of the workflow: which hours it was asked for and how it ended.';

-- The single writer: whoever holds this row may touch raw, work and marts.
create table ops.writer (
    is_only_row boolean primary key default true check (is_only_row),
    run_id text,
    acquired_at timestamptz
);
insert into ops.writer default values;

create table ops.run_window (
    run_id text not null references ops.run (run_id) on delete cascade,
    window_start timestamptz not null,
    is_late boolean not null,
    primary key (run_id, window_start)
);
comment on table ops.run_window is
    'One row per run and hour that it takes: the hours asked for, and (is_late) older hours whose folder gained files since.';

create table ops.landed_file (
    file_id bigint generated always as identity primary key,
    source text not null,
    window_start timestamptz not null,
    path text not null,
    size_bytes bigint not null check (size_bytes >= 0),
    checksum text not null,
    modified_at timestamptz not null,
    record_count bigint not null check (record_count >= rejected_count),
    rejected_count bigint not null check (rejected_count >= 0),
    problem text,
    run_id text not null,
    landed_at timestamptz not null default now(),
    unique (source, path)
);
create index on ops.landed_file (window_start);
comment on table ops.landed_file is
    'One row per file of the landing zone whose records stand in raw, written in the transaction that landed them. record_count includes the rejected ones; problem says what was wrong with the file itself (a gzip that ends early).';

create table ops.rejected_record (
    rejected_id bigint generated always as identity,
    source text not null,
    window_start timestamptz not null,
    file_id bigint not null,
    path text not null,
    line_number bigint not null,
    reason text not null,
    detail text,
    byte_count bigint not null,
    payload bytea not null,
    rejected_at timestamptz not null default now(),
    primary key (window_start, rejected_id)
) partition by range (window_start);
comment on table ops.rejected_record is
    'One row per input record that could not be read: where it stood, why, and its first bytes (byte_count is its whole length).';

create table ops.journal (
    entry_id bigint generated always as identity primary key,
    run_id text not null,
    stage text not null,
    state text not null check (state in ('started', 'succeeded', 'failed')),
    message text not null,
    counts jsonb not null default '{}',
    written_at timestamptz not null default now()
);
create index on ops.journal (run_id);
comment on table ops.journal is 'One row per thing a run did, in a sentence, with its figures.';

create table ops.quality_result (
    result_id bigint generated always as identity primary key,
    run_id text not null,
    boundary text not null check (boundary in ('raw', 'marts')),
    suite text not null,
    table_name text not null,
    rule text not null,
    severity text not null check (severity in ('critical', 'warning')),
    is_success boolean not null,
    window_start timestamptz not null,
    window_end timestamptz not null,
    element_count bigint,
    unexpected_count bigint,
    observed jsonb,
    message text not null,
    evaluated_at timestamptz not null default now()
);
create index on ops.quality_result (run_id);
comment on table ops.quality_result is 'One row per rule and run: what Great Expectations found at a boundary, without row values.';
