-- One row per delivery, period of five minutes and event type of which the touched messages count otherwise than before, with
-- the difference.
{{ config(tags=['heavy']) }}

with events as {{ asked_anew() }} (

    select
        *,
        {{ period_start('occurred_at', 5) }} as period_start,
        {{ is_human('verdict') }} as is_human
    from {{ counted_events([
        'delivery_id', 'message_key', 'recipient_id', 'event_type', 'verdict', 'is_repeat', 'is_withheld', 'occurred_at'
    ]) }} as weighted
    where not is_withheld and {{ is_tracking_event('event_type') }}

),

firsts as (

    select
        weight,
        delivery_id,
        message_key,
        recipient_id,
        event_type,
        min(period_start) as period_start
    from events
    group by weight, delivery_id, message_key, recipient_id, event_type

),

counted as (

    select
        weight,
        delivery_id,
        period_start,
        event_type,
        sum(case when is_repeat then 0 else 1 end) as event_count,
        sum(case when is_human and not is_repeat then 1 else 0 end) as human_event_count,
        0 as first_count
    from events
    group by weight, delivery_id, period_start, event_type

    union all

    select
        weight,
        delivery_id,
        period_start,
        event_type,
        0 as event_count,
        0 as human_event_count,
        count(*) as first_count
    from firsts
    group by weight, delivery_id, period_start, event_type

)

select
    delivery_id,
    period_start,
    event_type,
    sum(weight * event_count) as event_count,
    sum(weight * human_event_count) as human_event_count,
    sum(weight * first_count) as first_count
from counted
group by delivery_id, period_start, event_type
