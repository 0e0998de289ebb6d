-- One row per event that came more than once within an hour of this run: the copy with the smallest (time, hash of the
-- payload) stands, so that the order of files does not matter. Few events come twice, and only these are sorted.
with repeated as (

    select
        window_start,
        message_key,
        event_key,
        cast(count(*) as integer) as copy_count
    from {{ ref('int_records__counted') }}
    group by window_start, message_key, event_key
    having count(*) > 1

),

ranked as (

    select
        record.*,
        repeated.copy_count,
        row_number() over (
            partition by record.window_start, record.message_key, record.event_key
            order by record.occurred_at, record.payload_order
        ) as copy_rank
    from {{ ref('int_records__counted') }} as record
    inner join repeated
        on
            record.window_start = repeated.window_start
            and record.message_key = repeated.message_key
            and record.event_key = repeated.event_key

)

select {{ arrived_event_list() | join(', ') }} from ranked
where copy_rank = 1
