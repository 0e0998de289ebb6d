-- One row per tracking event of a recipient.
{{ config(materialized='view') }}

select
    event_id,
    delivery_id,
    recipient_id,
    message_id,
    event_type,
    url,
    position,
    content_part,
    user_agent,
    ip,
    occurred_at
from {{ ref('events') }}
where event_type in ('open', 'click', 'opt_out')
