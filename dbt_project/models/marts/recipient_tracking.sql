with events as (

    select * from {{ ref('int_events') }}
    where is_standing and not is_withheld and {{ is_tracking_event('event_type') }}

)

select
    events.event_id,
    events.delivery_id,
    events.recipient_id,
    events.message_id,
    events.link_id,
    events.source,
    events.provider_event_id,
    events.event_type,
    events.url,
    links.label,
    links.category,
    events.content_part,
    events.verdict,
    events.verdict_reason,
    coalesce(events.device_type, 'unknown') as device_type,
    coalesce(events.os_family, 'unknown') as os_family,
    coalesce(events.browser_family, 'unknown') as browser_family,
    events.position,
    {{ is_human('events.verdict') }} as is_human,
    events.is_repeat,
    events.occurred_at,
    events.window_start as _window_start
from events
left join {{ ref('links') }} as links on events.delivery_id = links.delivery_id and events.link_id = links.link_id
