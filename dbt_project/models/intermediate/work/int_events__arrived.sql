-- One row per distinct event and hour of this run: copies within an hour are counted, the one with the smallest
-- (time, hash of the payload) stands, so that the order of files does not matter. Delivery, recipient and message are found.
with repeated as (

    -- Few events come twice: only these are sorted.
    select
        window_start,
        event_key,
        count(*) as copy_count
    from {{ ref('int_records__identified') }}
    where named_event_type != 'other'
    group by window_start, event_key
    having count(*) > 1

),

ranked as (

    select
        records.*,
        repeated.copy_count,
        row_number() over (
            partition by records.window_start, records.event_key order by records.occurred_at, records.payload_hash
        ) as copy_rank
    from {{ ref('int_records__identified') }} as records
    inner join repeated on records.window_start = repeated.window_start and records.event_key = repeated.event_key

),

distinct_events as (

    select
        records.*,
        1 as copy_count,
        1 as copy_rank
    from {{ ref('int_records__identified') }} as records
    where
        records.named_event_type != 'other'
        and not exists (
            select 1 from repeated
            where repeated.window_start = records.window_start and repeated.event_key = records.event_key
        )

    union all

    select * from ranked
    where copy_rank = 1

)

select resolved.*
from {{ resolved('distinct_events', ref('int_records__identified')) }} as resolved
-- What comes for a delivery whose logs retention has dropped cannot be told from what was counted before: not an event.
where resolved.delivery_id not in (select delivery_id from {{ source('ops', 'closed_delivery') }})
