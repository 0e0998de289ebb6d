-- One row per delivery, event type, device, system and browser of which the touched messages count otherwise than before, with
-- the difference.
{{ config(tags=['heavy']) }}

{% set keys = ['delivery_id', 'event_type', 'device_type', 'os_family', 'browser_family'] %}

with messages as (

    select
        weight,
        delivery_id,
        event_type,
        coalesce(device_type, 'unknown') as device_type,
        coalesce(os_family, 'unknown') as os_family,
        coalesce(browser_family, 'unknown') as browser_family,
        sum(case when is_repeat then 0 else 1 end) as event_count,
        sum(case when {{ is_human('verdict') }} and not is_repeat then 1 else 0 end) as human_event_count
    from {{ counted_events([
        'delivery_id', 'message_key', 'recipient_id', 'event_type', 'device_type', 'os_family', 'browser_family', 'verdict', 'is_repeat',
        'is_withheld'
    ]) }} as weighted
    where not is_withheld and {{ is_tracking_event('event_type') }}
    group by
        weight, delivery_id, message_key, recipient_id, event_type, coalesce(device_type, 'unknown'), coalesce(os_family, 'unknown'),
        coalesce(browser_family, 'unknown')

)

select
    {{ keys | join(', ') }},
    sum(weight * event_count) as event_count,
    -- A message whose only open on a device repeats one on another has none there.
    sum(case when event_count > 0 then weight else 0 end) as recipient_count,
    sum(weight * human_event_count) as human_event_count
from messages
group by {{ keys | join(', ') }}
