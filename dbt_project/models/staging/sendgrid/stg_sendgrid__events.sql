-- SendGrid's Event Webhook. Custom arguments are flat top-level keys; `category` is a text or an array. `sg_event_id` is left
-- aside: it has been seen to change when SendGrid sends an event again, so it is no identity.
{% set bounce_type = "lower(nullif(trim(" ~ json_text('payload', 'type') ~ "), ''))" %}

-- SendGrid tells a bounce and a block of one message in one second: its type is part of what happened.
{% set source_event_type %}
    case
        when {{ json_text('payload', 'event') }} = 'bounce' and {{ bounce_type }} != 'bounce' then 'bounce/' || {{ key_text(bounce_type) }}
        else {{ json_text('payload', 'event') }}
    end
{% endset %}

{% set event_type %}
    case {{ json_text('payload', 'event') }}
        when 'open' then 'open'
        when 'click' then 'click'
        when 'delivered' then 'delivered'
        when 'processed' then 'sent'
        when 'deferred' then 'deferred'
        -- "blocked" is a refusal for now (the receiving server's policy), "expired" the end of 72 hours of deferrals. A "bounce"
        -- is by its classification; older events have none, and still older ones no type, but the server's status.
        when 'bounce'
            then case
                when {{ bounce_type }} != 'bounce' then 'soft_bounce'
                else coalesce(
                    {{ bounce_class('sendgrid classification', 'lower(' ~ json_text('payload', 'bounce_classification') ~ ')') }},
                    case when {{ bounce_type }} is null then {{ bounce_of_status(json_text('payload', 'status')) }} end,
                    'hard_bounce'
                )
            end
        when 'dropped' then 'rejected'
        when 'spamreport' then 'complaint'
        when 'unsubscribe' then 'opt_out'
        when 'group_unsubscribe' then 'opt_out'
        else 'other'
    end
{% endset %}

{{ staged_events('sendgrid', {
    'message_ref': sendgrid_message_id(json_text('payload', 'sg_message_id')),
    'delivery_ref': first_json_id('payload', var('sendgrid_delivery_paths')),
    'recipient_ref': json_id('payload', 'recipient_id'),
    'email': email_of(json_text('payload', 'email')),
    'source_event_type': source_event_type,
    'event_type': event_type,
    'url': json_text('payload', 'url'),
    'link_position': json_integer('payload', 'url_offset.index') ~ ' + 1',
    'content_part': "case " ~ json_text('payload', 'url_offset.type') ~ " when 'html' then 'html' when 'text' then 'text' end",
    'user_agent': json_text('payload', 'useragent'),
    'ip': json_text('payload', 'ip'),
    'reason': json_text('payload', 'reason'),
    'is_machine_flagged': json_boolean('payload', 'sg_machine_open', 'false'),
}) }}
