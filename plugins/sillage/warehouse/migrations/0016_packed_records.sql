-- Records as received are read again only when their hour is: run again, or named by an erasure. Until then a day that is over
-- lies in blocks, which Postgres compresses (docs/adr/0009-packed-records.md).
create table ops.raw_block (
    window_start timestamptz not null,
    source text not null,
    record_count integer not null check (record_count > 0),
    records text not null
) partition by range (window_start);
create index on ops.raw_block (window_start, source);
comment on table ops.raw_block is
    'Records of raw.<source> of an hour, one a line: file_id, line_number, item_number, seconds since 1970 or -, payload, with tabs between. A record stands here or in raw, never in both.';

-- 64 KiB of text hold 200 records of 300 bytes; what is larger compresses no better, and a long record has a block of its own.
create function ops.pack_hour(source_name text, hour timestamptz) returns bigint language plpgsql as $$
declare
    packed bigint;
begin
    perform ops.ensure_day_partition('ops', 'raw_block', hour);
    execute format(
        $pack$
        insert into ops.raw_block (window_start, source, record_count, records)
        select
            $1, $2, count(*),
            string_agg(
                concat_ws(
                    chr(9), file_id, line_number, item_number, coalesce(extract(epoch from occurred_at)::text, '-'), payload
                ),
                chr(10) order by file_id, line_number, item_number
            )
        from (
            select
                file_id, line_number, item_number, occurred_at, payload,
                sum(octet_length(payload)) over (
                    order by file_id, line_number, item_number rows unbounded preceding
                ) / 65536 as block
            from (
                select file_id, line_number, item_number, occurred_at, payload::text as payload
                from raw.%I where window_start = $1
            ) as record
        ) as placed
        group by block
        $pack$, source_name) using hour, source_name;
    execute format('delete from raw.%I where window_start = $1', source_name) using hour;
    get diagnostics packed = row_count;
    return packed;
end $$;
comment on function ops.pack_hour is
    'Move the records of an hour from raw.<source> into ops.raw_block; returns how many. The caller holds the writer''s turn.';

create function ops.unpack_hour(source_name text, hour timestamptz) returns bigint language plpgsql as $$
declare
    unpacked bigint;
begin
    execute format(
        $unpack$
        with packed as (
            delete from ops.raw_block where window_start = $1 and source = $2 returning records
        )
        insert into raw.%I (window_start, file_id, line_number, item_number, occurred_at, payload)
        select
            $1,
            split_part(line, chr(9), 1)::bigint,
            split_part(line, chr(9), 2)::bigint,
            split_part(line, chr(9), 3)::integer,
            case when split_part(line, chr(9), 4) != '-' then to_timestamp(split_part(line, chr(9), 4)::double precision) end,
            split_part(line, chr(9), 5)::jsonb
        from packed cross join string_to_table(packed.records, chr(10)) as line
        $unpack$, source_name) using hour, source_name;
    get diagnostics unpacked = row_count;
    return unpacked;
end $$;
comment on function ops.unpack_hour is
    'Move the records of an hour from ops.raw_block back into raw.<source>; returns how many, 0 where they were not packed. The caller holds the writer''s turn.';

-- What is written in blocks is read by nobody else, and changed by these two alone.
create function ops.unpack_hours(hours timestamptz[]) returns bigint language sql as $$
    select coalesce(sum(ops.unpack_hour(source, window_start)), 0)::bigint
    from (select distinct source, window_start from ops.raw_block where window_start = any(hours)) as packed
$$;
comment on function ops.unpack_hours is 'ops.unpack_hour for every source of these hours.';
