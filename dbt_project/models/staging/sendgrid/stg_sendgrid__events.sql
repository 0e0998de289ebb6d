-- SendGrid's Event Webhook. Custom arguments are flat top-level keys; `category` is a text or an array.
{% set bounce_type = "lower(nullif(trim(" ~ json_text('payload', 'type') ~ "), ''))" %}

with source as (

    select * from {{ source('raw', 'sendgrid') }}
    where window_start in {{ run_hours() }}

)

select
    'sendgrid' as source,
    window_start,
    -- sg_event_id has been seen to change when SendGrid sends an event again, so it is no identity.
    cast(null as text) as provider_event_id,
    {{ sendgrid_message_id(json_text('payload', 'sg_message_id')) }} as message_ref,
    {{ first_json_id('payload', var('sendgrid_delivery_paths')) }} as delivery_ref,
    {{ json_id('payload', 'recipient_id') }} as recipient_ref,
    {{ email_of(json_text('payload', 'email')) }} as email,
    -- SendGrid tells a bounce and a block of one message in one second: its type is part of what happened.
    case
        when {{ json_text('payload', 'event') }} = 'bounce' and {{ bounce_type }} != 'bounce' then 'bounce/' || {{ key_text(bounce_type) }}
        else {{ json_text('payload', 'event') }}
    end as source_event_type,
    case {{ json_text('payload', 'event') }}
        when 'open' then 'open'
        when 'click' then 'click'
        when 'delivered' then 'delivered'
        when 'processed' then 'sent'
        when 'deferred' then 'deferred'
        -- Only the type "bounce" is an address that does not exist: "blocked" is a refusal for now (the receiving server's
        -- policy), "expired" the end of 72 hours of deferrals. Older events have no type, but the server's status.
        when 'bounce'
            then case
                when {{ bounce_type }} = 'bounce' then 'hard_bounce'
                when {{ bounce_type }} is null and {{ json_text('payload', 'status') }} not like '4%' then 'hard_bounce'
                when {{ bounce_type }} is null and {{ json_text('payload', 'status') }} is null then 'hard_bounce'
                else 'soft_bounce'
            end
        when 'dropped' then 'rejected'
        when 'spamreport' then 'complaint'
        when 'unsubscribe' then 'opt_out'
        when 'group_unsubscribe' then 'opt_out'
        else 'other'
    end as event_type,
    {{ json_text('payload', 'url') }} as url,
    {{ json_integer('payload', 'url_offset.index') }} + 1 as link_position,
    case {{ json_text('payload', 'url_offset.type') }} when 'html' then 'html' when 'text' then 'text' end as content_part,
    {{ json_text('payload', 'useragent') }} as user_agent,
    {{ json_text('payload', 'ip') }} as ip,
    cast(null as text) as requester_id,
    cast(null as text) as http_method,
    {{ json_text('payload', 'reason') }} as reason,
    cast(null as numeric(18, 2)) as amount,
    cast(null as bigint) as article_count,
    {{ json_boolean('payload', 'sg_machine_open', 'false') }} as is_machine_flagged,
    false as is_recipient_ambiguous,
    {{ payload_hash('payload') }} as payload_hash,
    occurred_at
from source
