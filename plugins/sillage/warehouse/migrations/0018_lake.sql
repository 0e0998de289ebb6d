-- The lake (docs/adr/0012-the-lake.md): all events as Apache Iceberg keeps them in files, beside the warehouse. Its catalog stands in
-- this schema, in tables that Iceberg makes for itself.
create schema lake;
comment on schema lake is 'The catalog of the lake: Iceberg''s own tables. The role lake_writer owns what is in it.';

-- Which snapshot of a table of the lake is published. Written by the transaction that publishes the marts, so that both move at once.
create table ops.lake_snapshot (
    table_name text primary key,
    snapshot_id bigint not null,
    metadata_location text not null,
    run_id text not null,
    published_at timestamptz not null default now(),
    has_followed boolean not null default false,
    began_at timestamptz not null default now()
);
comment on table ops.lake_snapshot is
    'The published snapshot of each table of the lake, and the file of metadata that has it. Read VERSION AS OF it: main follows a moment later.';

-- What a run has written on a branch of its own, and has not published yet.
create table ops.lake_branch (
    run_id text not null,
    table_name text not null,
    snapshot_id bigint not null,
    metadata_location text not null,
    added_count bigint not null,
    removed_count bigint not null,
    written_at timestamptz not null default now(),
    primary key (run_id, table_name)
);
comment on table ops.lake_branch is 'What running runs have written into the lake: published with the run, or dropped by the next.';

-- In a file of the lake nothing may be left of an erased address, not even its digest, which an id may consist of.
create table ops.lake_pseudonym (
    recipient_id text primary key,
    pseudonym text not null unique default 'erased:' || gen_random_uuid()
);
comment on table ops.lake_pseudonym is 'Erased recipients whose id was the digest of their address, and what the lake calls them.';

alter table ops.erasure add column lake_erased_at timestamptz;
comment on column ops.erasure.lake_erased_at is 'When the lake had followed; null until then, and where there is no lake.';
