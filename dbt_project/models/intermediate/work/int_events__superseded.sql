-- One row per copy of an event that another copy, of another hour, stands for: the same one stands in whatever order the
-- hours were run. Looked for only where copies can be: an event has one row per hour.
with published as (

    select event_key from {{ published_candidates(['event_key']) }} as candidates

),

repeated as (

    select event_key from {{ ref('int_events__arrived') }}
    where event_key in (select event_key from published)

    union

    select event_key from published
    group by event_key
    having count(*) > 1

    union

    select event_key from {{ ref('int_events__arrived') }}
    where (select count(*) from {{ run_hours() }} as hours) > 1
    group by event_key
    having count(*) > 1

),

ranked as (

    select
        candidates.*,
        row_number() over (
            partition by delivery_id, message_key, event_key order by occurred_at, payload_hash, window_start
        ) as copy_rank
    from {{ candidate_events([
        'delivery_id', 'message_key', 'event_key', 'window_start', 'occurred_at', 'payload_hash'
    ]) }} as candidates
    where event_key in (select event_key from repeated)

)

select
    delivery_id,
    message_key,
    event_key,
    window_start
from ranked
where copy_rank > 1
