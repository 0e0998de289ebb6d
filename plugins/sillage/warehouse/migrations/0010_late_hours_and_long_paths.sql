-- A path may have 4 096 bytes, an entry of a btree 2 704: the key holds a digest of it.
alter table ops.landed_file drop constraint landed_file_source_path_key;
create unique index landed_file_source_path_key on ops.landed_file (source, (md5(path)::uuid));

alter table ops.landed_file add column replaces_published boolean not null default false;
comment on column ops.landed_file.replaces_published is
    'Whether the file was landed late in place of one whose rows are published: then it is not taken back where it vanishes before it was published itself.';

create table ops.late_hour_fault (
    window_start timestamptz primary key,
    run_id text not null,
    stage text not null,
    message text not null,
    found_at timestamptz not null default now()
);
comment on table ops.late_hour_fault is
    'One row per late hour that a run could not take: in which stage, why, and what to do. One of the stage land is tried again by every run; any other once its files change, or when it is asked for.';

create view ops.held_back_hour as
select * from ops.late_hour_fault as fault
where not exists (
    select from ops.run_window as taken
    inner join ops.run as publisher on taken.run_id = publisher.run_id
    where taken.window_start = fault.window_start and publisher.state = 'published' and publisher.ended_at > fault.found_at
);
comment on view ops.held_back_hour is
    'One row per late hour that runs leave aside: those of ops.late_hour_fault that no run has published since.';
